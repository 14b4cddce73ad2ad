#include "routing/cooldown_rule.hpp"

#include <algorithm>
#include <cmath>

namespace headworks::routing {
namespace {

base::Duration duration_of(double seconds) {
  return std::chrono::duration_cast<base::Duration>(std::chrono::duration<double>(seconds));
}

}  // namespace

Cooldown cooldown_after_429(const catalog::Settings::Cooldown& settings, std::uint32_t consecutive,
                            std::optional<RetryHint> hint, base::Random& random) {
  if (hint) {
    const base::Duration cap = duration_of(settings.hint_cap_seconds);
    const base::Duration wanted =
        hint->after > base::Duration::zero() ? hint->after : std::chrono::seconds{1};
    return {.duration = std::min(wanted, cap),
            .source = hint->source == HintSource::header ? DurationSource::header : DurationSource::body};
  }
  // Past 2^32 every base has met the cap; the exponent is bounded so that the product stays finite.
  const int exponent = static_cast<int>(std::min<std::uint32_t>(consecutive == 0 ? 0 : consecutive - 1, 32));
  const double spread = 1 + settings.jitter_percent / 100.0 * (2 * random.unit() - 1);
  const double seconds = std::ldexp(settings.base_seconds, exponent) * spread;
  return {.duration = duration_of(std::clamp(seconds, 0.0, settings.cap_seconds))};
}

}  // namespace headworks::routing
