// The live counters of one client key: its buckets, its exchanges in flight and its spending. Hangs off the
// snapshot and is carried over by the key's id, like a backend's.
//
// A gauge: atomics only, callable from every thread. Immutable but for its atomics.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "base/clock.hpp"
#include "gauges/backend_gauge.hpp"
#include "gauges/in_flight.hpp"
#include "gauges/spend_meter.hpp"
#include "gauges/token_bucket.hpp"
#include "gauges/token_meter.hpp"

namespace headworks::gauges {

class ClientGauge {
 public:
  // The window of our own limit: clients are promised N in any 60 s, so there is no margin.
  static constexpr base::Duration kWindow = std::chrono::seconds{60};

  // 0: no limit.
  ClientGauge(std::uint32_t rpm_limit, std::uint32_t tpm_limit)
      : live_(std::make_shared<Live>()),
        bucket_(std::make_shared<TokenBucket>(rpm_limit, kWindow)),
        tokens_(std::make_shared<TokenMeter>(tpm_limit, kWindow)) {}

  // The same key under other limits: shares the counters, keeps the recent starts.
  ClientGauge(const ClientGauge& previous, std::uint32_t rpm_limit, std::uint32_t tpm_limit)
      : live_(previous.live_),
        bucket_(carry_over(previous.bucket_, rpm_limit, kWindow)),
        tokens_(carry_over(previous.tokens_, tpm_limit, kWindow)) {}

  TokenBucket& bucket() { return *bucket_; }
  const TokenBucket& bucket() const { return *bucket_; }
  TokenMeter& tokens() { return *tokens_; }
  const TokenMeter& tokens() const { return *tokens_; }
  InFlight& places() { return live_->in_flight; }
  std::uint32_t in_flight() const { return live_->in_flight.count(); }
  SpendMeter& spend(SpendWindow window, SpendOf of = SpendOf::usd) {
    return live_->spends[static_cast<std::size_t>(of)][static_cast<std::size_t>(window)];
  }
  static constexpr std::size_t kSpendWindows = 4;

 private:
  struct Live {
    InFlight in_flight;
    struct Windows {
      SpendMeter& operator[](std::size_t window) { return meters[window]; }
      std::array<SpendMeter, kSpendWindows> meters{SpendMeter{SpendWindow::minute}, SpendMeter{SpendWindow::hour},
                                                   SpendMeter{SpendWindow::day}, SpendMeter{SpendWindow::month}};
    };
    std::array<Windows, kSpendOfs> spends;
  };
  const std::shared_ptr<Live> live_;
  const std::shared_ptr<TokenBucket> bucket_;
  const std::shared_ptr<TokenMeter> tokens_;
};

}  // namespace headworks::gauges
