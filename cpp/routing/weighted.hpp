// Strategy `weighted`: smooth weighted round robin. The turns of one round are laid out once, evenly spread;
// a shared counter walks over them, so a proposal costs the same over two targets as over a thousand.
#pragma once

#include <memory>

#include "catalog/snapshot.hpp"
#include "routing/strategy.hpp"

namespace headworks::routing {

// A weight of 0 counts as 1.
std::unique_ptr<Strategy> make_weighted(const catalog::Tier& tier);

}  // namespace headworks::routing
