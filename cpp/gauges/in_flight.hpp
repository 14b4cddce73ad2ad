// How many exchanges are under way at once, with an optional bound. A gauge: lock-free, callable from every
// thread.
#pragma once

#include <atomic>
#include <cstdint>

namespace headworks::gauges {

class InFlight {
 public:
  // Takes one place; false when `limit` (0: none) places are taken. Never lets one too many in, not even for
  // a moment, so that a refused one cannot make another be refused.
  bool enter(std::uint32_t limit) {
    std::uint32_t seen = count_.load(std::memory_order_relaxed);
    do {
      if (limit != 0 && seen >= limit) return false;
    } while (!count_.compare_exchange_weak(seen, seen + 1, std::memory_order_relaxed));
    return true;
  }

  // REQUIRES an enter() that succeeded.
  void leave() { count_.fetch_sub(1, std::memory_order_relaxed); }

  std::uint32_t count() const { return count_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint32_t> count_{0};
};

}  // namespace headworks::gauges
