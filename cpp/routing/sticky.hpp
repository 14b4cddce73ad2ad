// Strategy `sticky`: what belongs together goes to the same backend, as long as that one is free; when it is
// out, to the same second one. Rendezvous hashing (Thaler and Ravishankar, 1998) with weights: a backend that
// comes or goes moves only its own share. Without an affinity the backends take turns.
#pragma once

#include <memory>

#include "catalog/snapshot.hpp"
#include "routing/strategy.hpp"

namespace headworks::routing {

std::unique_ptr<Strategy> make_sticky(const catalog::Tier& tier);

}  // namespace headworks::routing
