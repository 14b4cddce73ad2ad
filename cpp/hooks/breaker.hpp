// Breaker: whether a hook is asked at all. After kFailures in a row it is not, for kPause; then one question finds out
// whether it is well, and until that is answered nobody else waits for it.
//
// Atomics only: loops ask, workers report. Must not know: why a hook failed.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/clock.hpp"

namespace headworks::hooks {

class Breaker {
 public:
  static constexpr std::uint32_t kFailures = 5;
  static constexpr base::Duration kPause = std::chrono::seconds{1};

  // May it be asked now? When it is closed for others, this may be the question that finds out.
  bool allows(base::TimePoint now) {
    if (failures_.load(std::memory_order_relaxed) < kFailures) return true;
    std::int64_t until = closed_until_.load(std::memory_order_relaxed);
    const std::int64_t at = now.time_since_epoch().count();
    return at >= until &&
           closed_until_.compare_exchange_strong(until, at + kPause.count(), std::memory_order_relaxed);
  }
  void succeed() { failures_.store(0, std::memory_order_relaxed); }
  void fail(base::TimePoint now) {
    if (failures_.fetch_add(1, std::memory_order_relaxed) + 1 >= kFailures)
      closed_until_.store((now + kPause).time_since_epoch().count(), std::memory_order_relaxed);
  }
  bool open() const { return failures_.load(std::memory_order_relaxed) >= kFailures; }

 private:
  std::atomic<std::uint32_t> failures_{0};
  std::atomic<std::int64_t> closed_until_{0};
};

}  // namespace headworks::hooks
