// The chunked coding of clients and of upstreams: any split gives the content of one piece, and never more of it
// than came.
#include "target.hpp"
#include "wire/chunked.hpp"

namespace headworks::fuzz {

struct Unchunked {
  bool accepted = false;
  bool done = false;
  std::string content = {};
  bool operator==(const Unchunked&) const = default;
};

inline Unchunked decode_chunks(wire::ChunkedDecoder::From from, const std::vector<std::string_view>& pieces) {
  wire::ChunkedDecoder decoder(from);
  Unchunked result;
  for (const std::string_view piece : pieces) {
    const Exact exact(piece);
    for (std::string_view rest = exact.view(); !rest.empty() && !result.done;) {
      const auto step = decoder.next(rest);
      if (!step) return {};
      require(step->consumed > 0 && step->consumed <= rest.size(), "each step makes progress");
      result.content += step->payload;
      result.done = step->done;
      rest.remove_prefix(step->consumed);
    }
    if (result.done) break;
  }
  result.accepted = true;
  return result;
}

inline void framing(std::string_view input) {
  using enum wire::ChunkedDecoder::From;
  for (const auto from : {client, upstream}) {
    const Unchunked whole = decode_chunks(from, {input});
    require(whole == decode_chunks(from, pieces_of(input)), "chunks are decoded the same in pieces");
    require(whole.content.size() <= input.size(), "content is what came");
    require(!whole.done || whole.content.size() + 5 <= input.size(), "the end was there");
  }
}

}  // namespace headworks::fuzz

HEADWORKS_FUZZ_TARGET(framing)
