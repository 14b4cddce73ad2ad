// The live counters of one backend: in-flight, bucket, cooling-until, latency. Hangs off the snapshot and is carried
// over from snapshot to snapshot by the backend's id, so that a configuration change never resets a limit.
//
// A gauge: atomics only, callable from every thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "base/clock.hpp"
#include "gauges/token_bucket.hpp"

namespace headworks::gauges {

class BackendGauge {
 public:
  BackendGauge(std::uint32_t rpm_limit, base::Duration window) : bucket_(std::make_shared<TokenBucket>(rpm_limit, window)) {}

  TokenBucket& bucket() { return *bucket_; }
  const TokenBucket& bucket() const { return *bucket_; }

  // Cooling: the backend is not called before this moment. Only ever moved forward by cool(); clear() ends it.
  base::TimePoint cooling_until() const { return base::TimePoint{base::Duration{cooling_until_.load(std::memory_order_acquire)}}; }
  bool cooling(base::TimePoint now) const { return cooling_until() > now; }
  // Extends the cooldown to `until`; false when it already reaches further.
  bool cool(base::TimePoint until);
  void clear_cooldown() { cooling_until_.store(0, std::memory_order_release); consecutive_429_.store(0, std::memory_order_relaxed); }

  // How many 429 answers came since the last success: the n of base * 2^n.
  std::uint32_t count_429() { return consecutive_429_.fetch_add(1, std::memory_order_relaxed) + 1; }
  std::uint32_t consecutive_429() const { return consecutive_429_.load(std::memory_order_relaxed); }
  void restore_429(std::uint32_t count) { consecutive_429_.store(count, std::memory_order_relaxed); }
  // True when there was something to reset (the caller then tells the store).
  bool succeed() { return consecutive_429_.load(std::memory_order_relaxed) != 0 && consecutive_429_.exchange(0) != 0; }

  std::uint32_t in_flight() const { return in_flight_.load(std::memory_order_relaxed); }
  // Takes one place; false when `limit` (0: none) places are taken.
  bool enter(std::uint32_t limit);
  void leave() { in_flight_.fetch_sub(1, std::memory_order_relaxed); }

  // Smoothed time to the first byte, in ns (0: no sample yet).
  std::uint64_t first_byte_ns() const { return first_byte_ns_.load(std::memory_order_relaxed); }
  void observe_first_byte(base::Duration sample);

 private:
  std::shared_ptr<TokenBucket> bucket_;
  std::atomic<std::int64_t> cooling_until_{0};
  std::atomic<std::uint32_t> consecutive_429_{0};
  std::atomic<std::uint32_t> in_flight_{0};
  std::atomic<std::uint64_t> first_byte_ns_{0};
};

}  // namespace headworks::gauges
