#include "routing/strategies.hpp"

#include <array>

#include "routing/weighted.hpp"

namespace headworks::routing {
namespace {

constexpr std::array kTable = {
    StrategyRow{"weighted", "in turn, each backend as often as its weight says, evenly spread",
                make_weighted},
};

}  // namespace

std::span<const StrategyRow> strategies() { return kTable; }

const StrategyRow* find_strategy(std::string_view name) {
  for (const StrategyRow& row : kTable)
    if (row.name == name) return &row;
  return nullptr;
}

}  // namespace headworks::routing
