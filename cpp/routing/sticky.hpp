// Strategy `sticky`: what belongs together goes to the same backend, as long as that one is free; when it is
// out, to the same second one. Rendezvous hashing (Thaler and Ravishankar, 1998) with weights: a backend that
// comes or goes moves only its own share. Of more than 10 backends a tree over their hashes first picks a group,
// each by its weight, so that the cost does not grow with their number; there one that comes or goes moves a
// few shares. Without an affinity the backends take turns.
#pragma once

#include <functional>
#include <memory>
#include <string_view>

#include "catalog/snapshot.hpp"
#include "routing/strategy.hpp"

namespace headworks::routing {

// What belongs together, as plans are told of it; never 0.
inline std::uint64_t affinity_of(std::string_view what) { return std::hash<std::string_view>{}(what) | 1; }

std::unique_ptr<Strategy> make_sticky(const catalog::Tier& tier);

}  // namespace headworks::routing
