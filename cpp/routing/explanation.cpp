#include "routing/explanation.hpp"

#include <algorithm>
#include <array>

#include "routing/strategies.hpp"

namespace headworks::routing {

std::string_view name_of(Explanation::Next next) {
  static constexpr std::array<std::string_view, 3> kNames = {"try", "wait", "stop"};
  return kNames[static_cast<std::size_t>(next)];
}

Explanation explain(const RouteState& route, const Asking& asking, base::Random& random) {
  Explanation made;
  const Asked asked{.now = asking.now, .random = random, .affinity = asking.affinity};
  for (const RouteState::Tier& tier : route.tiers()) {
    TierView view{.pool = tier.row->pool, .measure = find_strategy(tier.row->pool->strategy)->measure, .prospects = {}};
    for (std::uint32_t index = 0; index < tier.row->targets.size(); ++index) {
      const catalog::Target& target = tier.row->targets[index];
      Prospect prospect{.target = &target,
                        .score = tier.strategy->score(index, asked),
                        .out = look(target, asking),
                        .ready_at = find_ready_at(target, asking)};
      if (!prospect.ready_at) prospect.ready_at = find_retried_at(target, asking.now);
      view.prospects.push_back(prospect);
    }
    made.tiers.push_back(std::move(view));
  }
  made.earliest = find_earliest(route, asking, {});
  if (made.earliest) made.next = Explanation::Next::wait;
  for (const TierView& view : made.tiers) {
    const bool free = std::any_of(view.prospects.begin(), view.prospects.end(),
                                  [](const Prospect& prospect) { return !prospect.out; });
    if (free) {
      made.next = Explanation::Next::attempt;
      made.pool = view.pool;
      return made;
    }
    // A tier worth waiting for is not left: find_earliest() has looked no further either.
    if (view.pool->patience_seconds > 0 && made.earliest &&
        *made.earliest - asking.now <= std::chrono::duration<double>(view.pool->patience_seconds))
      return made;
  }
  return made;
}

}  // namespace headworks::routing
