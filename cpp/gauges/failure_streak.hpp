// FailureStreak: failures in a row within a time. Enough of them, and whatever failed is taken out for a while.
// A gauge: atomics only, callable from every thread; a lost race miscounts by one.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/clock.hpp"

namespace headworks::gauges {

class FailureStreak {
 public:
  // Counts a failure of this weight. True when the streak, begun at most `within` ago, has reached `enough`
  // (0: never does); it then begins anew.
  bool fail(std::uint32_t weight, std::uint32_t enough, base::Duration within, base::TimePoint now) {
    const std::int64_t at = now.time_since_epoch().count();
    if (count_.load(std::memory_order_relaxed) == 0 || at - since_.load(std::memory_order_relaxed) > within.count()) {
      since_.store(at, std::memory_order_relaxed);
      count_.store(0, std::memory_order_relaxed);
    }
    if (enough == 0 || count_.fetch_add(weight, std::memory_order_relaxed) + weight < enough) return false;
    count_.store(0, std::memory_order_relaxed);
    return true;
  }
  void succeed() {
    if (count_.load(std::memory_order_relaxed) != 0) count_.store(0, std::memory_order_relaxed);
  }

 private:
  std::atomic<std::uint32_t> count_{0};
  std::atomic<std::int64_t> since_{0};
};

}  // namespace headworks::gauges
