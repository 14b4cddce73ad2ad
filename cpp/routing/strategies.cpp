#include "routing/strategies.hpp"

#include <array>

#include "routing/live_choice.hpp"
#include "routing/preference.hpp"
#include "routing/sticky.hpp"
#include "routing/weighted.hpp"

namespace headworks::routing {
namespace {

constexpr std::array kTable = {
    StrategyRow{"weighted", "in turn, each backend as often as its weight says, evenly spread", "turns in a round", make_weighted},
    StrategyRow{"least_in_flight", "the backend with the fewest calls under way for its weight",
                "calls under way / weight, the least first", make_least_in_flight},
    StrategyRow{"fastest", "the better of two by time to the first byte and calls under way",
                "usual ms to the first byte * (calls under way + 1) / weight, the less of two first", make_fastest},
    StrategyRow{"cheapest", "the lowest price; equal prices in turn",
                "USD per million tokens (3 in, 1 out), the least first", make_cheapest},
    StrategyRow{"ordered", "always the first one that is free, in the order of the configuration",
                "position", make_ordered},
    StrategyRow{"sticky", "what belongs together (client key, header, prompt) to the same backend",
                "affinity of what belongs together, the highest first", make_sticky},
};

}  // namespace

std::span<const StrategyRow> strategies() { return kTable; }

const StrategyRow* find_strategy(std::string_view name) {
  for (const StrategyRow& row : kTable)
    if (row.name == name) return &row;
  return nullptr;
}

}  // namespace headworks::routing
