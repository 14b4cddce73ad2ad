#include "routing/strategies.hpp"

#include <array>

#include "routing/live_choice.hpp"
#include "routing/preference.hpp"
#include "routing/sticky.hpp"
#include "routing/weighted.hpp"

namespace headworks::routing {
namespace {

constexpr std::array kTable = {
    StrategyRow{"weighted", "in turn, each backend as often as its weight says, evenly spread",
                make_weighted},
    StrategyRow{"least_in_flight", "the backend with the fewest calls under way for its weight",
                make_least_in_flight},
    StrategyRow{"fastest", "the better of two by time to the first byte and calls under way", make_fastest},
    StrategyRow{"cheapest", "the lowest price; equal prices in turn", make_cheapest},
    StrategyRow{"ordered", "always the first one that is free, in the order of the configuration", make_ordered},
    StrategyRow{"sticky", "what belongs together (client key, header, prompt) to the same backend", make_sticky},
};

}  // namespace

std::span<const StrategyRow> strategies() { return kTable; }

const StrategyRow* find_strategy(std::string_view name) {
  for (const StrategyRow& row : kTable)
    if (row.name == name) return &row;
  return nullptr;
}

}  // namespace headworks::routing
