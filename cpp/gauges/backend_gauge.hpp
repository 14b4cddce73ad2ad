// The live counters of one backend: in-flight, bucket, cooling-until, latency. Hangs off the snapshot and is
// carried over from snapshot to snapshot by the backend's id, so that a configuration change never resets a
// limit.
//
// A gauge: atomics only, callable from every thread. Immutable but for its atomics.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "base/clock.hpp"
#include "gauges/in_flight.hpp"
#include "gauges/token_bucket.hpp"

namespace headworks::gauges {

class BackendGauge {
 public:
  // window: 60 s + buckets.margin_ms. rpm_limit 0: no limit.
  BackendGauge(std::uint32_t rpm_limit, base::Duration window);

  // The same backend under other limits: shares every counter with `previous` (requests that run on the old
  // snapshot go on counting here); the bucket is shared too if it did not change, else it is a new one that
  // keeps the recent starts.
  BackendGauge(const BackendGauge& previous, std::uint32_t rpm_limit, base::Duration window);

  TokenBucket& bucket() { return *bucket_; }
  const TokenBucket& bucket() const { return *bucket_; }

  // Cooling: the backend is not called before this moment. Only ever moved forward by cool();
  // clear_cooldown() ends it.
  base::TimePoint cooling_until() const {
    return base::TimePoint{base::Duration{live_->cooling_until.load(std::memory_order_acquire)}};
  }
  bool cooling(base::TimePoint now) const { return cooling_until() > now; }
  // Extends the cooldown to `until`; false when it already reaches as far.
  bool cool(base::TimePoint until);
  // Ends the cooldown and the count of 429 answers.
  void clear_cooldown();

  // Counts a 429 answer and says how many came since the last success: the n of base * 2^(n-1).
  std::uint32_t count_429() { return live_->consecutive_429.fetch_add(1, std::memory_order_relaxed) + 1; }
  std::uint32_t consecutive_429() const { return live_->consecutive_429.load(std::memory_order_relaxed); }
  void restore_429(std::uint32_t count) { live_->consecutive_429.store(count, std::memory_order_relaxed); }
  // True when there was something to reset (the caller then tells the store). Costs one load when there was
  // not.
  bool succeed() {
    return live_->consecutive_429.load(std::memory_order_relaxed) != 0 &&
           live_->consecutive_429.exchange(0, std::memory_order_relaxed) != 0;
  }

  InFlight& places() { return live_->in_flight; }
  std::uint32_t in_flight() const { return live_->in_flight.count(); }
  // Takes one place; false when `limit` (0: none) places are taken.
  bool enter(std::uint32_t limit) { return live_->in_flight.enter(limit); }
  void leave() { live_->in_flight.leave(); }

  // Smoothed time to the first byte (each sample weighs 1/8), in ns; 0: no sample yet.
  std::uint64_t first_byte_ns() const { return live_->first_byte_ns.load(std::memory_order_relaxed); }
  void observe_first_byte(base::Duration sample);

 private:
  struct Live {
    std::atomic<std::int64_t> cooling_until{0};
    std::atomic<std::uint32_t> consecutive_429{0};
    std::atomic<std::uint64_t> first_byte_ns{0};
    InFlight in_flight;
  };

  const std::shared_ptr<Live> live_;
  const std::shared_ptr<TokenBucket> bucket_;
};

// A bucket for these limits that goes on where `previous` stands: `previous` itself when nothing changed.
std::shared_ptr<TokenBucket> carry_over(const std::shared_ptr<TokenBucket>& previous, std::uint32_t limit,
                                        base::Duration window);

}  // namespace headworks::gauges
