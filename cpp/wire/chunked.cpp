#include "wire/chunked.hpp"

#include <algorithm>

#include "wire/http_head.hpp"

namespace headworks::wire {
namespace {

using base::ErrorKind;
using base::fail;
using base::Result;

constexpr std::uint16_t kMaxExtension = 256 - 20;  // with the size and CR LF: a line of 256 bytes
constexpr std::uint32_t kMaxTrailers = 8192;
constexpr std::uint64_t kFreeOverhead = 16'384;
constexpr std::uint64_t kMaxChunk = std::uint64_t{1} << 48;

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

base::Error ChunkedDecoder::refuse(const char* why) const {
  return fail(from_ == From::client ? ErrorKind::bad_request : ErrorKind::upstream_malformed, why);
}

Result<void> ChunkedDecoder::on_size_byte(char byte) {
  if (const int digit = hex_value(byte); digit >= 0) {
    if (++digits_ > 16) return refuse("a chunk size has too many digits");
    left_ = left_ << 4 | static_cast<std::uint64_t>(digit);
    return {};
  }
  if (digits_ == 0) return refuse("a chunk size is not a hexadecimal number");
  if (left_ > kMaxChunk) {
    if (from_ == From::client)
      return fail(ErrorKind::body_too_large, "a chunk is larger than any body may be");
    return refuse("a chunk size is out of range");
  }
  if (byte == ';') {
    state_ = State::extension;
    extension_bytes_ = 0;
  } else if (byte == '\r') {
    state_ = State::line_end;
  } else {
    return refuse("a chunk size is not a hexadecimal number");
  }
  return {};
}

Result<void> ChunkedDecoder::on_trailer_byte(char byte) {
  const ErrorKind too_large =
      from_ == From::client ? ErrorKind::headers_too_large : ErrorKind::upstream_malformed;
  if (++trailer_bytes_ > kMaxTrailers) return fail(too_large, "the trailers are too large");
  if (byte != '\n') {
    trailer_line_.push_back(byte);
    return {};
  }
  if (trailer_line_.empty() || trailer_line_.back() != '\r')
    return refuse("a trailer line does not end with CR LF");
  trailer_line_.pop_back();
  if (trailer_line_.empty()) {
    state_ = State::done;
    return {};
  }
  const std::size_t colon = trailer_line_.find(':');
  if (colon == std::string::npos || colon == 0) return refuse("a trailer is not: Name: value");
  for (const char c : trailer_line_)
    if ((static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f)
      return refuse("a trailer holds a control character");
  const std::string_view name = std::string_view(trailer_line_).substr(0, colon);
  if (name.find_first_of(" \t") != std::string_view::npos) return refuse("a trailer is not: Name: value");
  const FieldId id = traits_of(name).id;
  if (id == FieldId::content_length || id == FieldId::transfer_encoding)
    return refuse("a trailer tries to change the framing");
  trailer_line_.clear();
  return {};
}

Result<void> ChunkedDecoder::on_framing_byte(char byte) {
  switch (state_) {
    case State::size:
      return on_size_byte(byte);
    case State::extension:
      if (byte == '\r') {
        if (extension_bytes_ == 0) return refuse("a chunk extension is empty");
        state_ = State::line_end;
      } else if (++extension_bytes_ > kMaxExtension) {
        return refuse("a chunk extension is too long");
      } else if (byte == '\n' || byte == '\0' || (static_cast<unsigned char>(byte) < 0x20 && byte != '\t')) {
        return refuse("a chunk extension holds a control character");
      }
      return {};
    case State::line_end:
      if (byte != '\n') return refuse("a chunk line does not end with CR LF");
      digits_ = 0;
      state_ = left_ == 0 ? State::trailer : State::data;
      return {};
    case State::data_cr:
      if (byte != '\r') return refuse("a chunk is longer than its size");
      state_ = State::data_lf;
      return {};
    case State::data_lf:
      if (byte != '\n') return refuse("a chunk does not end with CR LF");
      state_ = State::size;
      return {};
    case State::trailer:
      return on_trailer_byte(byte);
    case State::data:
    case State::done:
      break;
  }
  return {};
}

Result<ChunkedDecoder::Step> ChunkedDecoder::next(std::string_view bytes) {
  Step step;
  while (step.consumed < bytes.size() && state_ != State::done) {
    if (state_ == State::data) {
      const std::size_t size = std::min<std::uint64_t>(left_, bytes.size() - step.consumed);
      step.payload = bytes.substr(step.consumed, size);
      step.consumed += size;
      content_ += size;
      left_ -= size;
      if (left_ == 0) state_ = State::data_cr;
      return step;
    }
    ++framing_;
    if (from_ == From::client && framing_ > 4 * content_ + kFreeOverhead)
      return refuse("the body is mostly chunk framing");
    if (auto result = on_framing_byte(bytes[step.consumed++]); !result) return result.error();
  }
  step.done = state_ == State::done;
  return step;
}

char* format_chunk_size(char* out, std::uint64_t size) {
  char digits[16];
  int count = 0;
  do {
    digits[count++] = "0123456789abcdef"[size & 15];
    size >>= 4;
  } while (size != 0);
  while (count > 0) *out++ = digits[--count];
  *out++ = '\r';
  *out++ = '\n';
  return out;
}

}  // namespace headworks::wire
