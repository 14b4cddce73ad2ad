// For how long a backend cools after a 429: the upstream's own hint if it gave one, else base * 2^n with
// jitter. A pure function. Must not know: gauges, the store, headers (wire/ reads the hint).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "catalog/rows.hpp"
#include "routing/upstream_failure.hpp"

namespace headworks::routing {

// Why a backend cools. The label `cause` of headworks_cooldowns_total.
enum class CooldownCause : std::uint8_t { rate_limited, by_hand };
constexpr std::string_view name_of(CooldownCause cause) {
  return cause == CooldownCause::rate_limited ? "rate_limited" : "by_hand";
}

// Where the duration came from.
enum class DurationSource : std::uint8_t { header, body, formula, hand };
constexpr std::string_view name_of(DurationSource source) {
  constexpr std::string_view kNames[] = {"header", "body", "formula", "hand"};
  return kNames[static_cast<std::size_t>(source)];
}

struct Cooldown {
  base::Duration duration{};
  CooldownCause cause = CooldownCause::rate_limited;
  DurationSource source = DurationSource::formula;
};

// The cooldown after the `consecutive`-th 429 without a success in between (1 is the first). With a hint:
// exactly the hint, at most hint_cap_seconds; a hint of zero or in the past counts as 1 s, because the
// upstream's clock is then of no use. Without: base * 2^(consecutive-1), spread by +-jitter_percent so that
// keys that were limited together do not come back together, at most cap_seconds.
Cooldown cooldown_after_429(const catalog::Settings::Cooldown& settings, std::uint32_t consecutive,
                            std::optional<RetryHint> hint, base::Random& random);

}  // namespace headworks::routing
