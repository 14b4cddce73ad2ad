// The live counters of one backend: in-flight, buckets, recovery, latency. Hangs off the snapshot and is
// carried over from snapshot to snapshot by the backend's id, so that a configuration change never resets a
// limit.
//
// A gauge: atomics only, callable from every thread. Immutable but for its atomics.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>

#include "base/clock.hpp"
#include "gauges/failure_streak.hpp"
#include "gauges/in_flight.hpp"
#include "gauges/recovery.hpp"
#include "gauges/token_bucket.hpp"
#include "gauges/token_meter.hpp"

namespace headworks::gauges {

// A backend's rates; 0: no limit. window: 60 s + buckets.margin_ms.
struct Rates {
  std::uint32_t rpm = 0;
  std::uint32_t tpm = 0;
  base::Duration window = std::chrono::seconds{60};
  bool operator==(const Rates&) const = default;
};

class BackendGauge {
 public:
  explicit BackendGauge(const Rates& rates);

  // The same backend under other limits: shares every counter with `previous` (requests that run on the old
  // snapshot go on counting here); a bucket is shared too if its limit did not change, else it is a new one
  // that keeps the recent starts.
  BackendGauge(const BackendGauge& previous, const Rates& rates);

  // The backend has another key now, which is another account: nothing is held against it, but the starts stay
  // (some limits are an address's).
  std::shared_ptr<BackendGauge> of_another_key(const Rates& rates) const;

  TokenBucket& bucket() { return *bucket_; }
  const TokenBucket& bucket() const { return *bucket_; }
  TokenMeter& tokens() { return *tokens_; }
  const TokenMeter& tokens() const { return *tokens_; }

  // The whole backend's cooldown, and what comes after it.
  Recovery& recovery() { return live_->recovery; }
  const Recovery& recovery() const { return live_->recovery; }

  // One model's cooldown on this backend. `model`: a hash, not 0. find_: null when it never was limited (costs
  // one load while none ever was); take_: null when kModels others are resting.
  static constexpr std::size_t kModels = 8;
  Recovery* find_model(std::uint64_t model) const;
  Recovery* take_model(std::uint64_t model, base::TimePoint now);

  // By hand: everything is open at once, and what was counted against the backend is forgotten.
  void clear();

  // Counts a 429 answer and says how many came since the last success: the n of base * 2^(n-1).
  std::uint32_t count_429() { return live_->consecutive_429.fetch_add(1, std::memory_order_relaxed) + 1; }
  std::uint32_t consecutive_429() const { return live_->consecutive_429.load(std::memory_order_relaxed); }
  void restore_429(std::uint32_t count) { live_->consecutive_429.store(count, std::memory_order_relaxed); }
  // Failures in a row, and how often that has taken the backend out since its last success.
  FailureStreak& streak() { return live_->streak; }
  std::uint32_t count_ejection() { return live_->ejections.fetch_add(1, std::memory_order_relaxed) + 1; }
  // A good answer. True when there was something to reset (the caller then tells the store). Costs two loads
  // when there was not.
  bool succeed();

  // Whether requests wait in line for this backend: who comes now stands behind them. See WaitingLine.
  bool awaited() const { return live_->awaited.load(std::memory_order_relaxed) != 0; }
  void add_awaiting(std::int32_t lanes) { live_->awaited.fetch_add(lanes, std::memory_order_relaxed); }

  InFlight& places() { return live_->in_flight; }
  std::uint32_t in_flight() const { return live_->in_flight.count(); }

  // Smoothed time to the first byte (each sample weighs 1/8), in ns; 0: no sample yet.
  std::uint64_t first_byte_ns() const { return live_->first_byte_ns.load(std::memory_order_relaxed); }
  // The same if the last sample is younger than kFresh; 0: nobody knows any more.
  static constexpr base::Duration kFresh = std::chrono::seconds{60};
  base::Duration expected_first_byte(base::TimePoint now) const;
  void observe_first_byte(base::Duration sample, base::TimePoint now);

 private:
  struct ModelRest {
    std::atomic<std::uint64_t> model{0};  // 0: free
    Recovery recovery;
  };
  struct Live {
    Recovery recovery;
    std::atomic<std::uint32_t> consecutive_429{0};
    std::atomic<std::uint32_t> ejections{0};
    FailureStreak streak;
    std::atomic<std::uint64_t> first_byte_ns{0};
    std::atomic<std::int64_t> first_byte_at{0};
    InFlight in_flight;
    std::atomic<std::int32_t> awaited{0};  // lanes in which requests wait for it
    std::atomic<std::uint32_t> models_seen{0};
    std::array<ModelRest, kModels> models;
  };

  const std::shared_ptr<Live> live_;
  std::shared_ptr<TokenBucket> bucket_;
  std::shared_ptr<TokenMeter> tokens_;
};

// A bucket or meter for these limits that goes on where `previous` stands: `previous` itself when nothing
// changed.
std::shared_ptr<TokenBucket> carry_over(const std::shared_ptr<TokenBucket>& previous, std::uint32_t limit,
                                        base::Duration window);
std::shared_ptr<TokenMeter> carry_over(const std::shared_ptr<TokenMeter>& previous, std::uint32_t limit,
                                       base::Duration window);

}  // namespace headworks::gauges
