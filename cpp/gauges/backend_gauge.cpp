#include "gauges/backend_gauge.hpp"

#include <algorithm>

namespace headworks::gauges {
namespace {

// Each sample weighs 1/8; the first one stands alone.
template <class Number>
void smooth(std::atomic<Number>& into, Number sample) {
  const Number fresh = std::max<Number>(sample, 1);
  Number seen = into.load(std::memory_order_relaxed);
  Number next = 0;
  do {
    next = seen == 0 ? fresh : std::max<Number>(seen - seen / 8 + fresh / 8, 1);
  } while (!into.compare_exchange_weak(seen, next, std::memory_order_relaxed));
}

}  // namespace

BackendGauge::BackendGauge(const Rates& rates)
    : live_(std::make_shared<Live>()),
      bucket_(std::make_shared<TokenBucket>(rates.rpm, rates.window)),
      tokens_(std::make_shared<TokenMeter>(rates.tpm, rates.window)) {}

BackendGauge::BackendGauge(const BackendGauge& previous, const Rates& rates)
    : live_(previous.live_),
      bucket_(carry_over(previous.bucket_, rates.rpm, rates.window)),
      tokens_(carry_over(previous.tokens_, rates.tpm, rates.window)) {}

std::shared_ptr<BackendGauge> BackendGauge::of_another_key(const Rates& rates) const {
  auto made = std::make_shared<BackendGauge>(rates);
  made->bucket_ = carry_over(bucket_, rates.rpm, rates.window);
  made->tokens_ = carry_over(tokens_, rates.tpm, rates.window);
  return made;
}

Recovery* BackendGauge::find_model(std::uint64_t model) const {
  if (live_->models_seen.load(std::memory_order_relaxed) == 0) return nullptr;
  for (ModelRest& rest : live_->models)
    if (rest.model.load(std::memory_order_acquire) == model) return &rest.recovery;
  return nullptr;
}

Recovery* BackendGauge::take_model(std::uint64_t model, base::TimePoint now) {
  if (Recovery* found = find_model(model)) return found;
  for (ModelRest& rest : live_->models) {
    std::uint64_t seen = rest.model.load(std::memory_order_acquire);
    if (seen != 0 && rest.recovery.cooling_until() != base::TimePoint{} && rest.recovery.cooling(now)) continue;
    if (!rest.model.compare_exchange_strong(seen, model, std::memory_order_acq_rel)) {
      if (seen == model) return &rest.recovery;
      continue;
    }
    rest.recovery.clear();
    live_->models_seen.fetch_add(1, std::memory_order_relaxed);
    return &rest.recovery;
  }
  return nullptr;
}

void BackendGauge::clear() {
  live_->recovery.clear();
  for (ModelRest& rest : live_->models) rest.recovery.clear();
  live_->consecutive_429.store(0, std::memory_order_relaxed);
  live_->ejections.store(0, std::memory_order_relaxed);
  live_->streak.succeed();
}

bool BackendGauge::succeed() {
  live_->streak.succeed();
  const auto reset = [](std::atomic<std::uint32_t>& count) {
    return count.load(std::memory_order_relaxed) != 0 && count.exchange(0, std::memory_order_relaxed) != 0;
  };
  const bool limited = reset(live_->consecutive_429);
  return reset(live_->ejections) || limited;
}

base::Duration BackendGauge::expected_first_byte(base::TimePoint now) const {
  const std::int64_t at = live_->first_byte_at.load(std::memory_order_relaxed);
  if (at == 0 || now.time_since_epoch().count() - at > kFresh.count()) return {};
  return base::Duration{static_cast<std::int64_t>(first_byte_ns())};
}

void BackendGauge::observe_first_byte(base::Duration sample, base::TimePoint now) {
  smooth(live_->first_byte_ns, static_cast<std::uint64_t>(std::max<std::int64_t>(sample.count(), 1)));
  live_->first_byte_at.store(now.time_since_epoch().count(), std::memory_order_relaxed);
}

std::shared_ptr<TokenBucket> carry_over(const std::shared_ptr<TokenBucket>& previous, std::uint32_t limit,
                                        base::Duration window) {
  auto next = std::make_shared<TokenBucket>(limit, window);
  if (next->limit() == previous->limit() && next->window() == previous->window()) return previous;
  // All starts, also expired ones: those that still matter are for take() to say, which knows the time.
  next->restore(previous->recent(base::TimePoint::min()));
  return next;
}

std::shared_ptr<TokenMeter> carry_over(const std::shared_ptr<TokenMeter>& previous, std::uint32_t limit,
                                       base::Duration window) {
  auto next = std::make_shared<TokenMeter>(limit, window);
  if (next->limit() == previous->limit() && next->window() == previous->window()) return previous;
  next->restore(previous->recent(base::TimePoint::min()));
  return next;
}

}  // namespace headworks::gauges
