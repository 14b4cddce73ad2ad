#include "gauges/origin_gauge.hpp"

#include <algorithm>

namespace headworks::gauges {
namespace {

bool is_recent(std::int64_t at, base::TimePoint now) {
  return at != 0 && now.time_since_epoch().count() - at < OriginGauge::kWithin.count();
}

}  // namespace

// Two threads that note at the same instant may both take the same mark, so that one of them is missed; the
// next answer completes the picture.
bool OriginGauge::note_limited(std::uint32_t key, std::uint32_t keys, base::TimePoint now) {
  Mark* oldest = marks_.data();
  Mark* own = nullptr;
  std::uint32_t others = 0;
  for (Mark& mark : marks_) {
    const std::int64_t at = mark.at.load(std::memory_order_relaxed);
    if (at < oldest->at.load(std::memory_order_relaxed)) oldest = &mark;
    if (!is_recent(at, now)) continue;
    if (mark.key.load(std::memory_order_relaxed) == key)
      own = &mark;
    else
      ++others;
  }
  Mark& mine = own == nullptr ? *oldest : *own;
  mine.key.store(key, std::memory_order_relaxed);
  mine.at.store(now.time_since_epoch().count(), std::memory_order_relaxed);
  const std::uint32_t most = static_cast<std::uint32_t>(marks_.size());
  const std::int64_t before = address_at_.load(std::memory_order_relaxed);
  const bool again = before != 0 && now.time_since_epoch().count() - before < kRemembered.count();
  if (!again && others + 1 < std::min(std::max(kKeys, (keys + 1) / 2), most)) return false;
  address_at_.store(now.time_since_epoch().count(), std::memory_order_relaxed);
  return true;
}

bool OriginGauge::was_limited(std::uint32_t key, base::TimePoint now) const {
  return std::any_of(marks_.begin(), marks_.end(), [&](const Mark& mark) {
    return mark.key.load(std::memory_order_relaxed) == key &&
           is_recent(mark.at.load(std::memory_order_relaxed), now);
  });
}

}  // namespace headworks::gauges
