#include "routing/route_state.hpp"

#include <algorithm>
#include <stdexcept>

#include "routing/strategies.hpp"

namespace headworks::routing {

RouteState::RouteState(catalog::Route route, Order order) : route_(std::move(route)) {
  tiers_.reserve(route_.tiers.size());
  for (const catalog::Tier& row : route_.tiers) {
    const StrategyRow* strategy = find_strategy(order == Order::as_given ? "ordered" : row.pool->strategy);
    if (strategy == nullptr) throw std::logic_error("no such routing strategy: " + row.pool->strategy);
    Tier tier{.row = &row, .strategy = strategy->make(row), .first = candidates_, .only = std::nullopt};
    std::uint32_t usable = 0;
    for (std::uint32_t index = 0; index < row.targets.size(); ++index) {
      if (!row.targets[index].backend->usable()) continue;
      ++usable;
      tier.only = index;
    }
    if (usable != 1 || (order == Order::as_given && route_.tiers.size() != 1)) tier.only.reset();
    for (const catalog::Target& target : row.targets) knows_contexts_ |= target.context_tokens != 0;
    if (sticky_pool_ == nullptr && order == Order::by_strategy && row.pool->strategy == "sticky") sticky_pool_ = row.pool;
    candidates_ += static_cast<std::uint32_t>(row.targets.size());
    tiers_.push_back(std::move(tier));
  }
}

const RouteState::Tier& RouteState::tier_of(std::uint32_t candidate) const {
  const auto after =
      std::upper_bound(tiers_.begin(), tiers_.end(), candidate,
                       [](std::uint32_t number, const Tier& tier) { return number < tier.first; });
  return *(after - 1);
}

const catalog::Target& RouteState::target(std::uint32_t candidate) const {
  const Tier& tier = tier_of(candidate);
  return tier.row->targets[candidate - tier.first];
}

}  // namespace headworks::routing
