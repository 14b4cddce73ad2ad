#include "routing/candidate.hpp"

#include <algorithm>
#include <utility>

namespace headworks::routing {
namespace {

using gauges::Recovery;

Out out_of(const Recovery& recovery, Recovery::Phase phase, base::TimePoint now, Out cooling) {
  if (phase == Recovery::Phase::cooling) return recovery.failing(now) ? Out::failing : cooling;
  return phase == Recovery::Phase::probing ? Out::probing : Out::ramping;
}

// What time does not heal.
std::optional<Out> find_unfit(const catalog::Target& target, const Asking& asking) {
  if (!target.backend->usable()) return Out::unusable;
  const std::uint32_t context = target.context_tokens;
  if (asking.above_context != 0 && context <= asking.above_context) return Out::context;
  if (context != 0 && asking.least_tokens > context) return Out::context;
  if (asking.deadline != base::TimePoint::max() &&
      target.backend->gauge->expected_first_byte(asking.now) > asking.deadline - asking.now)
    return Out::too_slow;
  return std::nullopt;
}

}  // namespace

std::string_view name_of(Out out) {
  static constexpr std::array<std::string_view, kOuts> kNames = {
      "unusable", "cooling",   "cooling_model", "cooling_address", "failing", "probing", "ramping",
      "bucket",   "tokens",    "in_flight",     "context",         "too_slow", "awaited", "patience",
      "retries"};
  return kNames[static_cast<std::size_t>(out)];
}

Passage& Passage::operator=(Passage&& other) noexcept {
  if (this == &other) return *this;
  give_up();
  held_ = other.held_;
  count_ = std::exchange(other.count_, std::uint8_t{0});
  sent_ = other.sent_;
  return *this;
}

std::optional<Recovery::Phase> Passage::enter(Recovery& recovery, base::TimePoint now, const Recovery::Ramp& ramp) {
  const Recovery::Entry entry = recovery.enter(now, ramp);
  if (!entry.admitted) return entry.phase;
  if (entry.phase != Recovery::Phase::open) held_[count_++] = {&recovery, entry};
  return std::nullopt;
}

bool Passage::probes(const Recovery& recovery) const {
  return std::any_of(held_.begin(), held_.begin() + count_,
                     [&](const Held& held) { return held.recovery == &recovery && held.entry.probe; });
}

void Passage::give_up() {
  for (std::uint8_t at = 0; at < count_; ++at)
    if (held_[at].entry.probe || !sent_) held_[at].recovery->give_up(held_[at].entry);
  count_ = 0;
}

Recovery::Ramp ramp_of(const catalog::Target& target, base::Duration length) {
  return {.length = length, .per_second = target.backend->row.rpm_limit / 60.0};
}

std::optional<Out> look(const catalog::Target& target, const Asking& asking) {
  if (const auto unfit = find_unfit(target, asking)) return unfit;
  const catalog::BackendEntry& backend = *target.backend;
  const gauges::BackendGauge& gauge = *backend.gauge;
  if (!asking.in_line && gauge.awaited()) return Out::awaited;
  const Recovery::Ramp ramp = ramp_of(target, asking.ramp);
  const base::TimePoint now = asking.now;
  if (const auto entry = backend.origin->recovery().look(now, {.length = asking.ramp}); !entry.admitted)
    return out_of(backend.origin->recovery(), entry.phase, now, Out::cooling_address);
  if (const auto entry = gauge.recovery().look(now, ramp); !entry.admitted)
    return out_of(gauge.recovery(), entry.phase, now, Out::cooling);
  if (const Recovery* model = gauge.find_model(target.model_hash))
    if (const auto entry = model->look(now, ramp); !entry.admitted)
      return out_of(*model, entry.phase, now, Out::cooling_model);
  const std::uint32_t places = backend.row.max_in_flight;
  if (places != 0 && gauge.in_flight() >= places) return Out::in_flight;
  if (asking.demand.charge == gauges::Charge::nothing) return std::nullopt;
  if (gauge.bucket().earliest(now) > now) return Out::bucket;
  if (gauge.tokens().limit() != 0 && gauge.tokens().earliest(asking.demand.tokens, now) > now) return Out::tokens;
  return std::nullopt;
}

std::variant<Held, Out> take(const catalog::Target& target, const Asking& asking) {
  if (const auto unfit = find_unfit(target, asking)) return *unfit;
  const catalog::BackendEntry& backend = *target.backend;
  gauges::BackendGauge& gauge = *backend.gauge;
  if (!asking.in_line && gauge.awaited()) return Out::awaited;
  const Recovery::Ramp ramp = ramp_of(target, asking.ramp);
  Passage passage;
  if (const auto refused = passage.enter(backend.origin->recovery(), asking.now, {.length = asking.ramp}))
    return out_of(backend.origin->recovery(), *refused, asking.now, Out::cooling_address);
  if (const auto refused = passage.enter(gauge.recovery(), asking.now, ramp))
      return out_of(gauge.recovery(), *refused, asking.now, Out::cooling);
  if (Recovery* model = gauge.find_model(target.model_hash))
    if (const auto refused = passage.enter(*model, asking.now, ramp))
      return out_of(*model, *refused, asking.now, Out::cooling_model);
  auto reservation = gauges::Reservation::take(gauge, backend.row.max_in_flight, asking.now, asking.demand);
  if (!reservation) {
    if (reservation.error() == gauges::Refusal::bucket) return Out::bucket;
    return reservation.error() == gauges::Refusal::tokens ? Out::tokens : Out::in_flight;
  }
  return Held{.reservation = std::move(*reservation), .passage = std::move(passage)};
}

std::optional<base::TimePoint> find_retried_at(const catalog::Target& target, base::TimePoint now) {
  const catalog::BackendEntry& backend = *target.backend;
  std::optional<base::TimePoint> at;
  if (!backend.usable()) return at;
  const Recovery* model = backend.gauge->find_model(target.model_hash);
  for (const Recovery* recovery : {static_cast<const Recovery*>(&backend.origin->recovery()),
                                   static_cast<const Recovery*>(&backend.gauge->recovery()), model})
    if (recovery != nullptr && recovery->failing(now)) at = std::max(at.value_or(now), recovery->cooling_until());
  return at;
}

std::optional<base::TimePoint> find_ready_at(const catalog::Target& target, const Asking& asking) {
  if (find_unfit(target, asking)) return std::nullopt;
  const catalog::BackendEntry& backend = *target.backend;
  const gauges::BackendGauge& gauge = *backend.gauge;
  const base::TimePoint now = asking.now;
  if (find_retried_at(target, now)) return std::nullopt;
  const Recovery::Ramp ramp = ramp_of(target, asking.ramp);
  base::TimePoint ready = std::max({now, backend.origin->recovery().ready_at(now, {.length = asking.ramp}),
                                    gauge.recovery().ready_at(now, ramp)});
  if (const Recovery* model = gauge.find_model(target.model_hash)) ready = std::max(ready, model->ready_at(now, ramp));
  const std::uint32_t places = backend.row.max_in_flight;
  if (places != 0 && gauge.in_flight() >= places) ready = std::max(ready, now + kPlaceGuess);
  if (asking.demand.charge == gauges::Charge::nothing) return ready;
  ready = gauge.bucket().earliest(ready);
  return gauge.tokens().limit() == 0 ? ready : gauge.tokens().earliest(asking.demand.tokens, ready);
}

}  // namespace headworks::routing
