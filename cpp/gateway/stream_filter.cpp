#include "gateway/stream_filter.hpp"

#include <array>
#include <utility>

namespace headworks::gateway {

using Verdict = dialect::StreamMeter::Verdict;

std::string_view StreamFilter::feed(json::JsonReader& reader, std::string_view piece) {
  // [run_begin, run_end): bytes of the piece that go out. The common case is one run: the piece itself.
  std::size_t run_begin = 0;
  std::size_t run_end = 0;
  if (!piece.empty() && std::exchange(line_feed_may_follow_, false) && piece.front() == '\n') {
    run_end = 1;  // belongs to the event before
    run_begin = removed_last_ ? 1 : 0;
  }
  bool collected = false;
  out_.clear();
  const auto collect_run = [&] {
    out_.append(held_).append(piece.substr(run_begin, run_end - run_begin));
    held_.clear();
    collected = true;
  };
  decoder_.feed(piece, [&](const wire::SseEvent& event) {
    const Verdict verdict = meter_.on_event(reader, event);
    error_seen_ |= verdict == Verdict::error;
    const bool begun_before = event.continued && let_go_;
    if (event.continued) let_go_ = false;
    if (verdict == Verdict::remove && !begun_before) {
      if (event.continued)
        held_.clear();  // its beginning is all that was held
      else
        run_end = event.begin;
      collect_run();
      run_begin = event.end;
    }
    run_end = event.end;
    removed_last_ = run_begin == run_end;
    line_feed_may_follow_ = run_end == piece.size() && piece.back() == '\r';
  });
  const bool unfinished = !decoder_.at_boundary();
  const bool goes = !unfinished || !holds_ || let_go_ || held_.size() + piece.size() - run_end > kMaxHeld;
  if (goes) {
    run_end = piece.size();
    let_go_ = unfinished;
  }
  const std::string_view rest = piece.substr(run_end);
  if (run_end > run_begin && (collected || !held_.empty())) {
    collect_run();
  } else if (run_end > run_begin) {
    held_.assign(rest);
    return piece.substr(run_begin, run_end - run_begin);
  }
  held_.append(rest);
  return out_;
}

std::string_view StreamFilter::finish(json::JsonReader& reader) {
  static constexpr std::array<char, 2 + wire::SseDecoder::kReadable> kBlankLine{'\n', '\n'};
  bool removed = false;
  const auto is_whole = [&](std::string_view data) {
    return data == "[DONE]" || reader.read_object(data, 64, [](const json::Member&) { return base::Result<void>(); });
  };
  decoder_.feed({kBlankLine.data(), 2}, [&](const wire::SseEvent& event) {
    if (is_whole(event.data)) removed |= meter_.on_event(reader, event) == Verdict::remove;
  });
  if (removed) held_.clear();
  return held_;
}

}  // namespace headworks::gateway
