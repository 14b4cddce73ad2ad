#include "wire/sse.hpp"

#include <cstring>

namespace headworks::wire {
namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
constexpr std::size_t npos = std::string_view::npos;

// What is kept of an event that is too long.
constexpr std::size_t kKeptHead = 4096;
constexpr std::size_t kKeptTail = 16'384;
constexpr std::size_t kKeptCapacity = 65'536;  // of the buffer, once a long event has passed

// The first line end at or after `from`; npos when there is none.
std::size_t find_line_end(std::string_view text, std::size_t from) {
  const char* begin = text.data() + from;
  const std::size_t size = text.size() - from;
  if (size == 0) return npos;
  const auto* line_feed = static_cast<const char*>(std::memchr(begin, '\n', size));
  const std::size_t until = line_feed != nullptr ? static_cast<std::size_t>(line_feed - begin) : size;
  const auto* cr = static_cast<const char*>(std::memchr(begin, '\r', until));
  if (cr != nullptr) return static_cast<std::size_t>(cr - text.data());
  return line_feed != nullptr ? from + until : npos;
}

// Behind the line end at text[line_end]. `cr_last`: it is a CR and the last byte, so a LF may follow.
std::size_t behind_line_end(std::string_view text, std::size_t line_end, bool& cr_last) {
  std::size_t next = line_end + 1;
  cr_last = false;
  if (text[line_end] == '\r') {
    if (next == text.size())
      cr_last = true;
    else if (text[next] == '\n')
      ++next;
  }
  return next;
}

}  // namespace

// A byte order mark that may come in pieces of one byte each. What only looked like one belongs to the event.
std::size_t SseDecoder::skip_mark(std::string_view piece) {
  std::size_t at = 0;
  while (at < piece.size() && mark_seen_ < kByteOrderMark.size() && piece[at] == kByteOrderMark[mark_seen_])
    ++at, ++mark_seen_;
  if (mark_seen_ == kByteOrderMark.size()) {
    started_ = true;
  } else if (at < piece.size()) {
    started_ = true;
    if (mark_seen_ == at) return 0;  // all of it is still in this piece
    collect(kByteOrderMark.substr(0, mark_seen_ - at));
    unfinished_ = {.line_begun = true};
    return 0;
  }
  return at;
}

std::size_t SseDecoder::begin_piece(std::string_view piece) {
  if (!started_) return skip_mark(piece);
  if (!skip_line_feed_ || piece.empty()) return 0;
  skip_line_feed_ = false;
  return piece.front() == '\n' ? 1 : 0;
}

void SseDecoder::read_line(std::string_view line, SseEvent& event) {
  const std::size_t colon = line.find(':');
  if (colon == 0) return;  // a comment
  const std::string_view field = line.substr(0, colon);
  std::string_view value = colon == npos ? std::string_view{} : line.substr(colon + 1);
  if (!value.empty() && value.front() == ' ') value.remove_prefix(1);
  if (field == "data") {
    if (!event.has_data) {
      event.data = value;
      event.has_data = true;
      return;
    }
    if (event.data.data() != joined_.data()) joined_.assign(event.data);
    joined_.reserve(joined_.size() + 1 + value.size() + kReadable);
    joined_.push_back('\n');
    joined_.append(value);
    event.data = joined_;
  } else if (field == "event") {
    event.name = value;
  }
}

std::size_t SseDecoder::read_event(std::string_view text, std::size_t from, SseEvent& event) {
  event = {};
  unfinished_ = {};
  for (std::size_t line_begin = from; line_begin < text.size();) {
    const std::size_t line_end = find_line_end(text, line_begin);
    if (line_end == npos) {
      unfinished_.line_begun = true;
      return npos;
    }
    bool cr_last = false;
    const std::string_view line = text.substr(line_begin, line_end - line_begin);
    line_begin = behind_line_end(text, line_end, cr_last);
    if (line.empty()) {
      skip_line_feed_ = cr_last;
      return line_begin;
    }
    if (cr_last) {  // LF or another line? The next piece tells.
      unfinished_.cr_last = true;
      return npos;
    }
    read_line(line, event);
  }
  return npos;
}

std::size_t SseDecoder::find_end(std::string_view text) {
  std::size_t at = 0;
  if (unfinished_.cr_last && !text.empty()) {
    at = text.front() == '\n' ? 1 : 0;
    unfinished_.cr_last = false;
  }
  for (;;) {
    const std::size_t line_end = find_line_end(text, at);
    if (line_end == npos) {
      unfinished_.line_begun |= at < text.size();
      return npos;
    }
    const bool blank = !unfinished_.line_begun && line_end == at;
    bool cr_last = false;
    at = behind_line_end(text, line_end, cr_last);
    if (blank) {
      skip_line_feed_ = cr_last;
      return at;
    }
    unfinished_ = {.line_begun = false, .cr_last = cr_last};
    if (cr_last) return npos;
  }
}

void SseDecoder::collect(std::string_view text) {
  if (carry_.size() + text.size() > kMaxEvent) {
    overflowed_ = true;
    if (text.size() > kMaxEvent) {
      carry_.append(text.substr(0, kKeptHead));
      text.remove_prefix(text.size() - kKeptTail);
    }
    if (carry_.size() > kKeptHead + kKeptTail) carry_.erase(kKeptHead, carry_.size() - kKeptHead - kKeptTail);
    carry_abridged_ = true;
  }
  carry_.reserve(carry_.size() + text.size() + kReadable);
  carry_.append(text);
}

bool SseDecoder::next(std::string_view piece, std::size_t& at, SseEvent& event) {
  if (carry_spent_) {
    if (carry_.capacity() > kKeptCapacity) std::string().swap(carry_);
    carry_.clear();
    carry_spent_ = false;
    carry_abridged_ = false;
  }
  if (at >= piece.size()) return false;
  if (carry_.empty()) {
    const std::size_t end = read_event(piece, at, event);
    if (end == npos) {
      collect(piece.substr(at));
      at = piece.size();
      return false;
    }
    event.begin = at;
    event.end = at = end;
    return true;
  }
  // The rest of an event that began earlier. What lies behind its end stays in the piece.
  const std::string_view rest = piece.substr(at);
  const std::size_t end = find_end(rest);
  collect(rest.substr(0, end));
  at = end == npos ? piece.size() : at + end;
  if (end == npos) return false;
  const bool line_feed_may_follow = skip_line_feed_;
  read_event(carry_, 0, event);
  skip_line_feed_ = line_feed_may_follow;  // an abridged event may seem to end early
  event.abridged = carry_abridged_;
  event.continued = true;
  event.end = at;
  carry_spent_ = true;  // but not cleared yet: the event's views point into it
  return true;
}

}  // namespace headworks::wire
