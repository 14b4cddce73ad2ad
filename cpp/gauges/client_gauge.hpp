// The live counters of one client key: its bucket and its exchanges in flight. Hangs off the snapshot and is
// carried over by the key's id, like a backend's.
//
// A gauge: atomics only, callable from every thread. Immutable but for its atomics.
#pragma once

#include <cstdint>
#include <memory>

#include "base/clock.hpp"
#include "gauges/backend_gauge.hpp"
#include "gauges/in_flight.hpp"
#include "gauges/token_bucket.hpp"

namespace headworks::gauges {

class ClientGauge {
 public:
  // The window of our own limit: clients are promised N in any 60 s, so there is no margin. rpm_limit 0: no
  // limit.
  static constexpr base::Duration kWindow = std::chrono::seconds{60};

  explicit ClientGauge(std::uint32_t rpm_limit)
      : in_flight_(std::make_shared<InFlight>()),
        bucket_(std::make_shared<TokenBucket>(rpm_limit, kWindow)) {}

  // The same key under another limit: shares the counters, keeps the recent starts.
  ClientGauge(const ClientGauge& previous, std::uint32_t rpm_limit)
      : in_flight_(previous.in_flight_), bucket_(carry_over(previous.bucket_, rpm_limit, kWindow)) {}

  TokenBucket& bucket() { return *bucket_; }
  const TokenBucket& bucket() const { return *bucket_; }
  InFlight& places() { return *in_flight_; }
  std::uint32_t in_flight() const { return in_flight_->count(); }

 private:
  const std::shared_ptr<InFlight> in_flight_;
  const std::shared_ptr<TokenBucket> bucket_;
};

}  // namespace headworks::gauges
