#include "upstream/event_stream.hpp"

#include <charconv>
#include <cmath>

#include "upstream/stamp.hpp"

namespace headworks::upstream {
namespace {

// Each word with the space that follows it, so that the pieces put together are the text.
std::vector<std::string> split_words(std::string_view text) {
  std::vector<std::string> pieces;
  while (!text.empty()) {
    const std::size_t space = text.find(' ');
    const std::size_t size = space == std::string_view::npos ? text.size() : space + 1;
    append_escaped(pieces.emplace_back(), text.substr(0, size));
    text.remove_prefix(size);
  }
  return pieces;
}

}  // namespace

std::uint32_t count_words(std::string_view text) {
  return static_cast<std::uint32_t>(split_words(text).size());
}

EventStream::EventStream(StreamText text, std::string_view words, const StreamShape& shape,
                         std::uint64_t number, bool chunked)
    : text_(std::move(text)),
      event_bytes_(shape.event_bytes),
      number_(number),
      per_second_(shape.per_second),
      stamp_(shape.stamp),
      chunked_(chunked) {
  pieces_ = split_words(words);
  events_ = shape.events.value_or(static_cast<std::uint32_t>(pieces_.size()));
  if (pieces_.empty()) pieces_.emplace_back();
  // Multiples of the golden ratio: any number of streams is spread evenly over the interval.
  double whole = 0;
  phase_ = 1 - std::modf(static_cast<double>(number % 100'000) * 0.6180339887498949, &whole);
}

void EventStream::append_framed(std::string& out, std::string_view bytes) const {
  if (bytes.empty()) return;
  if (!chunked_) {
    out.append(bytes);
    return;
  }
  char size[16];
  const auto end = std::to_chars(size, size + sizeof size, bytes.size(), 16).ptr;
  out.append(size, end).append("\r\n").append(bytes).append("\r\n");
}

void EventStream::append_next(std::string& out, base::TimePoint now) {
  scratch_ = text_.event_prefix;
  if (stamp_) {
    append_stamp(scratch_, number_, sent_, static_cast<std::uint64_t>(now.time_since_epoch().count()));
  } else {
    scratch_ += pieces_[sent_ % pieces_.size()];
  }
  const std::size_t size = scratch_.size() + text_.event_suffix.size();
  if (size < event_bytes_) scratch_.append(event_bytes_ - size, '.');
  scratch_ += text_.event_suffix;
  append_framed(out, scratch_);
  ++sent_;
}

void EventStream::append_closing(std::string& out) const {
  append_framed(out, text_.final_event);
  append_framed(out, text_.usage_event);
  append_framed(out, text_.done);
  if (chunked_ && !open_) out += "0\r\n\r\n";
}

void EventStream::stop_after(std::uint64_t events) {
  if (events < events_) events_ = static_cast<std::uint32_t>(events);
}

base::TimePoint EventStream::due(base::TimePoint start) const {
  if (sent_ == 0) return start;
  return start + base::Duration(static_cast<std::int64_t>((sent_ - 1 + phase_) * 1e9 / per_second_));
}

}  // namespace headworks::upstream
