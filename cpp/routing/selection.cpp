#include "routing/selection.hpp"

#include <algorithm>
#include <vector>

namespace headworks::routing {
namespace {

base::Duration patience_of(const RouteState::Tier& tier) {
  return std::chrono::duration_cast<base::Duration>(
      std::chrono::duration<double>(tier.row->pool->patience_seconds));
}

bool is_excluded(const Excluded& excluded, std::uint32_t candidate) {
  return std::find(excluded.begin(), excluded.end(), candidate) != excluded.end();
}

std::optional<base::TimePoint> find_earliest_in(const RouteState::Tier& tier, const Asking& asking,
                                                const Excluded& excluded) {
  std::optional<base::TimePoint> earliest;
  for (std::uint32_t index = 0; index < tier.row->targets.size(); ++index) {
    if (is_excluded(excluded, tier.first + index)) continue;
    const auto ready = find_ready_at(tier.row->targets[index], asking);
    if (ready && (!earliest || *ready < *earliest)) earliest = ready;
  }
  return earliest;
}

std::optional<Found> find_in(const RouteState::Tier& tier, const Asking& asking, const Excluded& excluded,
                             base::Random& random, PlanTrace& trace, std::uint32_t attempts_before) {
  const auto size = static_cast<std::uint32_t>(tier.row->targets.size());
  TargetSet left(size);
  for (const std::uint32_t candidate : excluded)
    if (candidate >= tier.first && candidate - tier.first < size) left.erase(candidate - tier.first);
  const Asked asked{.now = asking.now, .random = random, .affinity = asking.affinity};
  while (!left.empty()) {
    const Place place{.tier = &tier, .index = tier.strategy->propose(left, asked)};
    const double score = tier.strategy->score(place.index, asked);
    auto taken = take(place.target(), asking);
    if (auto* held = std::get_if<Held>(&taken))
      return Found{.place = place, .score = score, .held = std::move(*held)};
    trace.pass_over(place.candidate(), std::get<Out>(taken), score, attempts_before);
    left.erase(place.index);
  }
  return std::nullopt;
}

}  // namespace

std::optional<Found> find_free(const RouteState& route, const Asking& asking, const Excluded& excluded,
                               base::Random& random, PlanTrace& trace, std::uint32_t attempts_before) {
  for (const RouteState::Tier& tier : route.tiers()) {
    if (asking.leaves_out(route.number_of(tier))) continue;
    if (auto found = find_in(tier, asking, excluded, random, trace, attempts_before)) return found;
    if (tier.row->pool->patience_seconds <= 0) continue;
    const auto earliest = find_earliest_in(tier, asking, excluded);
    if (!earliest || *earliest > asking.now + patience_of(tier)) continue;
    if (&tier != &route.tiers().back()) trace.pass_over((&tier + 1)->first, Out::patience, 0, attempts_before);
    return std::nullopt;
  }
  return std::nullopt;
}

std::optional<base::TimePoint> find_earliest(const RouteState& route, const Asking& asking,
                                             const Excluded& excluded) {
  std::optional<base::TimePoint> earliest;
  for (const RouteState::Tier& tier : route.tiers()) {
    if (asking.leaves_out(route.number_of(tier))) continue;
    const auto here = find_earliest_in(tier, asking, excluded);
    if (here && (!earliest || *here < *earliest)) earliest = here;
    if (here && tier.row->pool->patience_seconds > 0 && *here <= asking.now + patience_of(tier)) break;
  }
  return earliest;
}

std::optional<base::TimePoint> find_retried(const RouteState& route, base::TimePoint now) {
  std::optional<base::TimePoint> earliest;
  for (const RouteState::Tier& tier : route.tiers())
    for (const catalog::Target& target : tier.row->targets)
      if (const auto at = find_retried_at(target, now); at && (!earliest || *at < *earliest)) earliest = at;
  return earliest;
}

// Every bucket repeats itself after a window, so the slots of one window tell all that follow.
std::optional<base::TimePoint> find_nth_slot(const RouteState& route, const Asking& asking,
                                             const Excluded& excluded, std::uint32_t nth) {
  std::vector<base::TimePoint> slots;
  base::Duration window{};
  for (const RouteState::Tier& tier : route.tiers()) {
    if (asking.leaves_out(route.number_of(tier))) continue;
    for (std::uint32_t index = 0; index < tier.row->targets.size(); ++index) {
      if (is_excluded(excluded, tier.first + index)) continue;
      const catalog::Target& target = tier.row->targets[index];
      const auto ready = find_ready_at(target, asking);
      if (!ready) continue;
      const gauges::TokenBucket& bucket = target.backend->gauge->bucket();
      if (bucket.limit() == 0 || asking.demand.charge == gauges::Charge::nothing) {
        slots.insert(slots.end(), nth, *ready);  // as many as anybody wants
        continue;
      }
      window = std::max(window, bucket.window());
      bucket.append_free(*ready, nth, slots);
    }
  }
  if (slots.empty()) return std::nullopt;
  const auto rounds = static_cast<std::int64_t>((nth - 1) / slots.size());
  const auto at = slots.begin() + static_cast<std::ptrdiff_t>((nth - 1) % slots.size());
  std::nth_element(slots.begin(), at, slots.end());
  return *at + rounds * window;
}

}  // namespace headworks::routing
