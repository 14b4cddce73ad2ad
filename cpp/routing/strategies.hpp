// The one table of routing strategies: column `strategy` of a pool -> how to make one for a tier.
// To add one: a file in routing/, a row in strategies.cpp, a test.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "catalog/snapshot.hpp"
#include "routing/strategy.hpp"

namespace headworks::routing {

struct StrategyRow {
  std::string_view name;
  std::string_view summary;  // one line for people
  std::string_view measure;  // what score() says, and which end comes first
  std::unique_ptr<Strategy> (*make)(const catalog::Tier& tier);
};

std::span<const StrategyRow> strategies();
const StrategyRow* find_strategy(std::string_view name);

}  // namespace headworks::routing
