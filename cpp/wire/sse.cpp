#include "wire/sse.hpp"

#include <cstring>

namespace headworks::wire {
namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

// The first line end at or after `from`; npos when there is none.
std::size_t find_line_end(std::string_view text, std::size_t from) {
  const char* begin = text.data() + from;
  const std::size_t size = text.size() - from;
  const auto* line_feed = static_cast<const char*>(std::memchr(begin, '\n', size));
  const std::size_t until = line_feed != nullptr ? static_cast<std::size_t>(line_feed - begin) : size;
  if (until == 0) return line_feed != nullptr ? from : std::string_view::npos;
  if (const auto* cr = static_cast<const char*>(std::memchr(begin, '\r', until)))
    return static_cast<std::size_t>(cr - text.data());
  return line_feed != nullptr ? from + until : std::string_view::npos;
}

}  // namespace

std::size_t SseDecoder::begin_piece(std::string_view piece) {
  std::size_t at = 0;
  if (skip_line_feed_ && !piece.empty()) {
    if (piece.front() == '\n') at = 1;
    skip_line_feed_ = false;
  }
  if (!started_ && !piece.empty()) {
    started_ = true;
    if (piece.substr(0, kByteOrderMark.size()) == kByteOrderMark) at = kByteOrderMark.size();
  }
  return at;
}

void SseDecoder::read_line(std::string_view line, SseEvent& event) {
  const std::size_t colon = line.find(':');
  if (colon == 0) return;  // a comment
  const std::string_view field = line.substr(0, colon);
  std::string_view value = colon == std::string_view::npos ? std::string_view{} : line.substr(colon + 1);
  if (!value.empty() && value.front() == ' ') value.remove_prefix(1);
  if (field == "data") {
    if (!event.has_data) {
      event.data = value;
      event.has_data = true;
      return;
    }
    if (event.data.data() != joined_.data()) joined_.assign(event.data);
    joined_.push_back('\n');
    joined_.append(value);
    event.data = joined_;
  } else if (field == "event") {
    event.name = value;
  }
}

std::size_t SseDecoder::read_event(std::string_view text, std::size_t from, SseEvent& event) {
  event = {};
  for (std::size_t line_begin = from; line_begin < text.size();) {
    const std::size_t line_end = find_line_end(text, line_begin);
    if (line_end == std::string_view::npos) return line_end;
    const std::string_view line = text.substr(line_begin, line_end - line_begin);
    line_begin = line_end + 1;
    bool cr_last = false;
    if (text[line_end] == '\r') {
      if (line_begin < text.size()) {
        if (text[line_begin] == '\n') ++line_begin;
      } else {
        cr_last = true;
      }
    }
    if (line.empty()) {
      skip_line_feed_ = cr_last;
      return line_begin;
    }
    if (cr_last) return std::string_view::npos;  // LF or another line? The next piece tells.
    read_line(line, event);
  }
  return std::string_view::npos;
}

bool SseDecoder::next(std::string_view piece, std::size_t& at, SseEvent& event) {
  if (overflowed_) return false;
  if (carry_spent_) {
    carry_.clear();
    carry_spent_ = false;
  }
  if (carry_.empty()) {
    if (at >= piece.size()) return false;
    const std::size_t end = read_event(piece, at, event);
    if (end == std::string_view::npos) {
      carry_.assign(piece.substr(at));
      overflowed_ = carry_.size() > kMaxEvent;
      at = piece.size();
      return false;
    }
    event.begin = at;
    event.end = at = end;
    return true;
  }
  // The rest of an event that began earlier. What lies behind its end stays in the piece.
  const std::size_t before = carry_.size();
  carry_.append(piece.substr(at));
  const std::size_t end = read_event(carry_, 0, event);
  if (end == std::string_view::npos) {
    overflowed_ = carry_.size() > kMaxEvent;
    if (overflowed_) std::string().swap(carry_);
    at = piece.size();
    return false;
  }
  event.continued = true;
  event.begin = 0;
  event.end = at = at + (end - before);
  carry_spent_ = true;  // but not cleared yet: the event's views point into it
  return true;
}

}  // namespace headworks::wire
