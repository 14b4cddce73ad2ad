// Strategies that prefer by what does not change while the catalog stands: `ordered` (the order of the rows)
// and `cheapest` (the price, three input tokens to one output token; unknown prices last). Targets that are
// equally good take turns.
#pragma once

#include <memory>

#include "catalog/snapshot.hpp"
#include "routing/strategy.hpp"

namespace headworks::routing {

std::unique_ptr<Strategy> make_ordered(const catalog::Tier& tier);
std::unique_ptr<Strategy> make_cheapest(const catalog::Tier& tier);

}  // namespace headworks::routing
