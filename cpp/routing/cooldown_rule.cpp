#include "routing/cooldown_rule.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace headworks::routing {
namespace {

using gauges::Recovery;
using Settings = catalog::Settings::Cooldown;

base::Duration duration_of(double seconds) {
  return std::chrono::duration_cast<base::Duration>(std::chrono::duration<double>(seconds));
}

// base * 2^(nth-1), spread, capped. Past 2^32 every base has met the cap; the exponent is bounded so that the
// product stays finite.
base::Duration grown(double base_seconds, std::uint32_t nth, const Settings& settings, base::Random& random) {
  const int exponent = static_cast<int>(std::min<std::uint32_t>(nth == 0 ? 0 : nth - 1, 32));
  const double spread = 1 + settings.jitter_percent / 100.0 * (2 * random.unit() - 1);
  return duration_of(std::clamp(std::ldexp(base_seconds, exponent) * spread, 0.0, settings.cap_seconds));
}

struct Case {
  const catalog::Target& target;
  const Passage& passage;
  const UpstreamFailure& failure;
  std::span<const catalog::BackendEntry> all;
  const Settings& settings;
  base::Random& random;
  base::TimePoint now;

  gauges::BackendGauge& gauge() const { return *target.backend->gauge; }
  gauges::OriginGauge& origin() const { return *target.backend->origin; }
};

Recovery::Because because_of(const Cooldown& cooldown) {
  const bool failing = cooldown.cause == CooldownCause::failing || cooldown.cause == CooldownCause::auth;
  return failing ? Recovery::Because::failing : Recovery::Because::limited;
}

std::optional<Cooldown> cool(Recovery& recovery, Cooldown cooldown, base::TimePoint now) {
  if (!recovery.cool(now + cooldown.duration, because_of(cooldown))) return std::nullopt;
  return cooldown;
}

std::optional<Cooldown> begin(Recovery& recovery, Cooldown cooldown, base::TimePoint now) {
  if (!recovery.begin(now, now + cooldown.duration, because_of(cooldown))) return std::nullopt;
  return cooldown;
}

// Those who were blamed before it was clear that it is the address are called again with everyone else.
void forgive_siblings(const Case& met) {
  for (const catalog::BackendEntry& sibling : met.all) {
    if (sibling.origin != met.target.backend->origin || !met.origin().was_limited(sibling.index, met.now)) continue;
    sibling.gauge->recovery().clear();
    sibling.gauge->restore_429(0);
  }
}

std::optional<Cooldown> limit_address(const Case& met) {
  forgive_siblings(met);
  const Cooldown cooldown{.duration = cooldown_after_429(met.settings, 1, met.failure.retry_hint, met.random),
                          .scope = CooldownScope::address,
                          .source = met.failure.source(),
                          .consecutive = 1};
  return cool(met.origin().recovery(), cooldown, met.now);
}

std::optional<Cooldown> limit(const Case& met) {
  using dialect::LimitScope;
  if (met.failure.scope == LimitScope::address) return limit_address(met);
  const catalog::BackendEntry& backend = *met.target.backend;
  if (met.failure.scope == LimitScope::backend &&
      met.origin().note_limited(backend.index, backend.siblings, met.now))
    return limit_address(met);
  Recovery* model = met.failure.scope == LimitScope::model ? met.gauge().take_model(met.target.model_hash, met.now)
                                                           : nullptr;
  Recovery& recovery = model == nullptr ? met.gauge().recovery() : *model;
  const auto make = [&](std::uint32_t nth) {
    Cooldown cooldown{.duration = cooldown_after_429(met.settings, nth, met.failure.retry_hint, met.random),
                      .scope = model == nullptr ? CooldownScope::backend : CooldownScope::model,
                      .source = met.failure.source(),
                      .consecutive = nth};
    if (met.failure.scope == LimitScope::quota) {
      cooldown.cause = CooldownCause::quota;
      if (!met.failure.retry_hint) cooldown.duration = duration_of(met.settings.hint_cap_seconds);
    }
    return cooldown;
  };
  const std::uint32_t before = met.gauge().consecutive_429();
  if (const auto begun = begin(recovery, make(before + 1), met.now)) {
    met.gauge().count_429();
    return begun;
  }
  // Answers to calls that were under way when the cooldown began are the same event, not the next one; but one
  // that says how long knows better.
  if (!met.failure.retry_hint) return std::nullopt;
  return cool(recovery, make(std::max(before, 1U)), met.now);
}

std::optional<Cooldown> eject(const Case& met, std::uint32_t weight) {
  gauges::BackendGauge& gauge = met.gauge();
  Recovery* model = gauge.find_model(met.target.model_hash);
  Recovery* recovery = &gauge.recovery();
  CooldownScope scope = CooldownScope::backend;
  if (met.passage.probes(met.origin().recovery())) {
    recovery = &met.origin().recovery();
    scope = CooldownScope::address;
  } else if (model != nullptr && met.passage.probes(*model)) {
    recovery = model;
    scope = CooldownScope::model;
  } else if (!met.passage.probes(*recovery)) {  // a probe that fails needs no others
    if (!gauge.streak().fail(weight, met.settings.failures, duration_of(met.settings.failure_window_seconds), met.now))
      return std::nullopt;
  }
  const std::uint32_t nth = gauge.count_ejection();
  return cool(*recovery,
              {.duration = grown(met.settings.eject_seconds, nth, met.settings, met.random),
               .cause = CooldownCause::failing,
               .scope = scope,
               .consecutive = nth},
              met.now);
}

}  // namespace

std::string_view name_of(CooldownCause cause) {
  static constexpr std::array<std::string_view, 6> kNames = {"rate_limited", "quota", "failing",
                                                            "auth",         "by_hand", "hook"};
  return kNames[static_cast<std::size_t>(cause)];
}
std::string_view name_of(CooldownScope scope) {
  static constexpr std::array<std::string_view, 3> kNames = {"model", "backend", "address"};
  return kNames[static_cast<std::size_t>(scope)];
}

base::Duration cooldown_after_429(const Settings& settings, std::uint32_t consecutive,
                                  const std::optional<RetryHint>& hint, base::Random& random) {
  if (!hint) return grown(settings.base_seconds, consecutive, settings, random);
  const base::Duration wanted = hint->after > base::Duration::zero() ? hint->after : std::chrono::seconds{1};
  return std::min(wanted, duration_of(settings.hint_cap_seconds));
}

std::optional<Cooldown> note_failure(const catalog::Target& target, const Passage& passage,
                                     const UpstreamFailure& failure, std::span<const catalog::BackendEntry> all,
                                     const Settings& settings, base::Random& random, base::TimePoint now) {
  if (!failure.blames_upstream) return std::nullopt;
  const Case met{target, passage, failure, all, settings, random, now};
  const Cools cools = row_of(failure.failure).cools;
  // Calls that were under way when it was taken out say nothing new.
  if (cools != Cools::as_limited && cools != Cools::nothing && met.gauge().recovery().cooling(now)) return std::nullopt;
  switch (cools) {
    case Cools::nothing: note_success(target, now); return std::nullopt;
    case Cools::as_limited: return limit(met);
    case Cools::as_failing: return eject(met, 1);
    case Cools::as_unreachable: return eject(met, 2);
    case Cools::as_unauthorized: break;
  }
  return begin(met.gauge().recovery(),
               {.duration = duration_of(settings.quarantine_seconds), .cause = CooldownCause::auth, .consecutive = 1},
               now);
}

Cooldown cool_by_hook(const catalog::Target& target, base::Duration duration, base::TimePoint now) {
  target.backend->gauge->recovery().cool(now + duration, Recovery::Because::limited);
  return {.duration = duration, .cause = CooldownCause::hook, .source = DurationSource::hook, .consecutive = 1};
}

Recovered note_success(const catalog::Target& target, base::TimePoint now) {
  gauges::BackendGauge& gauge = *target.backend->gauge;
  target.backend->origin->recovery().succeed(now);
  Recovered recovered;
  if (Recovery* model = gauge.find_model(target.model_hash)) recovered.model = model->succeed(now);
  const bool was_out = gauge.recovery().succeed(now);
  // An answer to what was sent before the cooldown began is no news of what comes after it.
  if (!gauge.recovery().cooling(now)) recovered.backend = gauge.succeed() || was_out;
  return recovered;
}

}  // namespace headworks::routing
