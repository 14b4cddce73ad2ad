// What a failed call means for those that come after it: what cools, why, and for how long. Sets the gauges;
// what it decided is handed back, for the log and the store.
//
// Thread-safe: the gauges are. Must not know: the store, headers (wire/ and dialect/ read them).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "catalog/rows.hpp"
#include "routing/candidate.hpp"
#include "routing/upstream_failure.hpp"

namespace headworks::routing {

// Why something cools. The label `cause` of headworks_cooldowns_total.
enum class CooldownCause : std::uint8_t { rate_limited, quota, failing, auth, by_hand, hook };
std::string_view name_of(CooldownCause cause);

// What cools: this model on this backend, this backend, or every backend of its origin.
enum class CooldownScope : std::uint8_t { model, backend, address };
std::string_view name_of(CooldownScope scope);

struct Cooldown {
  base::Duration duration{};
  CooldownCause cause = CooldownCause::rate_limited;
  CooldownScope scope = CooldownScope::backend;
  DurationSource source = DurationSource::formula;
  std::uint32_t consecutive = 0;  // the how-manieth in a row
};

// For how long, after the `consecutive`-th 429 without a success in between (1 is the first). With a hint:
// exactly the hint, at most hint_cap_seconds; a hint of zero or in the past counts as 1 s, because the
// upstream's clock is then of no use. Without: base * 2^(consecutive-1), spread by +-jitter_percent so that
// keys that were limited together do not come back together, at most cap_seconds.
base::Duration cooldown_after_429(const catalog::Settings::Cooldown& settings, std::uint32_t consecutive,
                                  const std::optional<RetryHint>& hint, base::Random& random);

// The call to `target`, made under `passage`, failed so. None: nothing new cools. `all`: the backends of the
// snapshot, for its siblings (whom a limit of our address does not leave to blame).
std::optional<Cooldown> note_failure(const catalog::Target& target, const Passage& passage,
                                     const UpstreamFailure& failure, std::span<const catalog::BackendEntry> all,
                                     const catalog::Settings::Cooldown& settings, base::Random& random,
                                     base::TimePoint now);

// A plug-in wants the backend to rest.
Cooldown cool_by_hook(const catalog::Target& target, base::Duration duration, base::TimePoint now);

// The call was answered: what the client asked for, or refused for a reason that is the client's own.
struct Recovered {
  bool backend = false;  // there was something to forget
  bool model = false;
};
Recovered note_success(const catalog::Target& target, base::TimePoint now);

}  // namespace headworks::routing
