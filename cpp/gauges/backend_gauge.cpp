#include "gauges/backend_gauge.hpp"

#include <algorithm>

namespace headworks::gauges {

BackendGauge::BackendGauge(std::uint32_t rpm_limit, base::Duration window)
    : live_(std::make_shared<Live>()), bucket_(std::make_shared<TokenBucket>(rpm_limit, window)) {}

BackendGauge::BackendGauge(const BackendGauge& previous, std::uint32_t rpm_limit, base::Duration window)
    : live_(previous.live_), bucket_(carry_over(previous.bucket_, rpm_limit, window)) {}

bool BackendGauge::cool(base::TimePoint until) {
  const std::int64_t wanted = until.time_since_epoch().count();
  std::int64_t seen = live_->cooling_until.load(std::memory_order_relaxed);
  do {
    if (seen >= wanted) return false;
  } while (!live_->cooling_until.compare_exchange_weak(seen, wanted, std::memory_order_acq_rel));
  return true;
}

void BackendGauge::clear_cooldown() {
  live_->cooling_until.store(0, std::memory_order_release);
  live_->consecutive_429.store(0, std::memory_order_relaxed);
}

void BackendGauge::observe_first_byte(base::Duration sample) {
  const auto fresh = static_cast<std::uint64_t>(std::max<std::int64_t>(sample.count(), 1));
  std::uint64_t seen = live_->first_byte_ns.load(std::memory_order_relaxed);
  std::uint64_t next = 0;
  do {
    next = seen == 0 ? fresh : std::max<std::uint64_t>(seen - seen / 8 + fresh / 8, 1);
  } while (!live_->first_byte_ns.compare_exchange_weak(seen, next, std::memory_order_relaxed));
}

std::shared_ptr<TokenBucket> carry_over(const std::shared_ptr<TokenBucket>& previous, std::uint32_t limit,
                                        base::Duration window) {
  auto next = std::make_shared<TokenBucket>(limit, window);
  if (next->limit() == previous->limit() && next->window() == previous->window()) return previous;
  // All starts, also expired ones: those that still matter are for take() to say, which knows the time.
  next->restore(previous->recent(base::TimePoint::min()));
  return next;
}

}  // namespace headworks::gauges
