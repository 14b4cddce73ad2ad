#include "gateway/stream_filter.hpp"

namespace headworks::gateway {

using Verdict = dialect::StreamMeter::Verdict;

std::string_view StreamFilter::feed(json::JsonReader& reader, std::string_view piece) {
  if (remove_usage_ && !decoder_.overflowed()) return feed_removing(reader, piece);
  decoder_.feed(piece, [&](const wire::SseEvent& event) {
    error_seen_ |= meter_.on_event(reader, event) == Verdict::error;
  });
  return piece;
}

std::string_view StreamFilter::feed_removing(json::JsonReader& reader, std::string_view piece) {
  // [sent, end): bytes of the piece that are known to go out. The common case is one run: the piece itself.
  std::size_t run_begin = 0;
  std::size_t run_end = 0;
  bool collected = false;
  out_.clear();
  const auto close_run = [&] {
    out_.append(piece.substr(run_begin, run_end - run_begin));
    collected = true;
  };
  if (!held_.empty()) {
    collected = true;  // what was held comes first
  }
  decoder_.feed(piece, [&](const wire::SseEvent& event) {
    const Verdict verdict = meter_.on_event(reader, event);
    error_seen_ |= verdict == Verdict::error;
    if (!held_.empty() && event.continued) {
      if (verdict != Verdict::remove) out_.append(held_);
      held_.clear();
    }
    if (verdict == Verdict::remove) {
      close_run();
      run_begin = event.end;
    }
    run_end = event.end;
  });
  if (decoder_.overflowed()) {  // no event is that large: let it all go
    if (!collected && held_.empty()) return piece;
    out_.append(held_).append(piece.substr(run_begin));
    held_.clear();
    return out_;
  }
  const std::string_view rest = piece.substr(run_end);
  if (!collected && rest.empty()) return piece;
  if (!collected) {
    held_.assign(rest);
    return piece.substr(0, run_end);
  }
  close_run();
  held_.append(rest);
  return out_;
}

std::string_view StreamFilter::flush() {
  out_.swap(held_);
  held_.clear();
  return out_;
}

}  // namespace headworks::gateway
