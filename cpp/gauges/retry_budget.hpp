// RetryBudget: how many of a pool's calls may be retries. Every success earns a share of a retry; a retry
// costs one and gets it back when it succeeds. So retries that help are never refused for long, and an outage
// is not multiplied: of failing retries there are at most the reserve and the earned share.
//
// A gauge: one atomic, callable from every thread.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace headworks::gauges {

class RetryBudget {
 public:
  // `reserve`: what is there at the start, and the most that is ever saved up.
  explicit RetryBudget(std::uint32_t reserve = 10) : most_(std::int64_t{reserve} * kUnit), left_(most_) {}

  // Takes one retry; false when there is none left.
  bool take() {
    std::int64_t left = left_.load(std::memory_order_relaxed);
    do {
      if (left < kUnit) return false;
    } while (!left_.compare_exchange_weak(left, left - kUnit, std::memory_order_relaxed));
    return true;
  }
  // A call of the pool succeeded; `was_retry`: it had taken one.
  void succeed(std::uint32_t percent, bool was_retry) {
    if (left_.load(std::memory_order_relaxed) >= most_) return;  // the common case costs one load
    add(std::int64_t{percent} * (kUnit / 100) + (was_retry ? kUnit : 0));
  }

  double left() const { return static_cast<double>(left_.load(std::memory_order_relaxed)) / kUnit; }

 private:
  static constexpr std::int64_t kUnit = 100'000;

  void add(std::int64_t units) {
    std::int64_t left = left_.load(std::memory_order_relaxed);
    while (left < most_ &&
           !left_.compare_exchange_weak(left, std::min(left + units, most_), std::memory_order_relaxed)) {
    }
  }

  const std::int64_t most_;
  std::atomic<std::int64_t> left_;
};

}  // namespace headworks::gauges
