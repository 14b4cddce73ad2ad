// The chunked transfer coding (RFC 9112 section 7.1), decoded without a copy and at its strictest: plain
// hexadecimal sizes, CR LF everywhere, chunk lines of at most 256 bytes, trailers of at most 8 KiB that are
// checked and dropped (a trailer never becomes a header), and a bound on framing bytes in relation to
// content. Pure: any split of the input gives the same result.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace headworks::wire {

class ChunkedDecoder {
 public:
  enum class From : std::uint8_t {
    client,    // kinds bad_request, body_too_large, headers_too_large; the overhead rule holds
    upstream,  // kind upstream_malformed
  };
  explicit ChunkedDecoder(From from) : from_(from) {}

  struct Step {
    std::size_t consumed = 0;  // bytes of the input that are done with
    std::string_view payload;  // content among them (a view into the input), may be empty
    bool done = false;         // the last chunk and the trailers have been read
  };
  // Decodes up to the next run of content. Call again with the rest while consumed > 0 and not done; an empty
  // payload with everything consumed means: more input is needed.
  base::Result<Step> next(std::string_view bytes);

  bool done() const { return state_ == State::done; }

 private:
  enum class State : std::uint8_t { size, extension, line_end, data, data_cr, data_lf, trailer, done };

  base::Result<void> on_size_byte(char byte);
  base::Result<void> on_trailer_byte(char byte);
  base::Result<void> on_framing_byte(char byte);
  base::Error refuse(const char* why) const;

  From from_;
  State state_ = State::size;
  std::uint8_t digits_ = 0;
  std::uint16_t extension_bytes_ = 0;
  std::uint64_t left_ = 0;     // of the current chunk
  std::uint64_t framing_ = 0;  // bytes that were not content
  std::uint64_t content_ = 0;
  std::uint32_t trailer_bytes_ = 0;
  std::string trailer_line_;  // at most 8 KiB; empty in the common case
};

// Appends "<size in hex>\r\n" to `out`, which has room for 18 bytes; returns the end. The chunk's data and a
// CR LF follow.
char* format_chunk_size(char* out, std::uint64_t size);

}  // namespace headworks::wire
