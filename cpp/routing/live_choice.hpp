// Strategies that choose by what the gauges say now. `least_in_flight`: the fewest calls under way for its
// weight. `fastest`: the better of two by the usual time to the first byte times the calls under way; one
// without a recent sample counts as fast, so that it gets its chance. Among many targets a few are drawn at
// random and the best of them is taken: nearly as good as looking at all, and its cost does not grow.
#pragma once

#include <memory>

#include "catalog/snapshot.hpp"
#include "routing/strategy.hpp"

namespace headworks::routing {

std::unique_ptr<Strategy> make_least_in_flight(const catalog::Tier& tier);
std::unique_ptr<Strategy> make_fastest(const catalog::Tier& tier);

}  // namespace headworks::routing
