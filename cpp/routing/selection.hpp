// Selection: one look over a route: the first free target in the order of tiers and strategies, taken; or when
// there will be one. What plans and the waiting line do in common. Must not know: attempts, failures.
#pragma once

#include <boost/container/small_vector.hpp>
#include <cstdint>
#include <optional>

#include "base/random.hpp"
#include "routing/plan_trace.hpp"
#include "routing/route_state.hpp"

namespace headworks::routing {

// Candidates that are not asked (again).
using Excluded = boost::container::small_vector<std::uint32_t, 8>;

struct Place {  // of a target in a route
  const RouteState::Tier* tier = nullptr;
  std::uint32_t index = 0;
  std::uint32_t candidate() const { return tier->first + index; }
  const catalog::Target& target() const { return tier->row->targets[index]; }
};

struct Found {
  Place place;
  double score = 0;  // the strategy's, see StrategyRow::measure
  Held held;
};

// Takes the first free target. A tier is left for the next one when nothing in it is free and its earliest
// slot is more than its patience away. No allocation up to 1,024 targets in a tier.
std::optional<Found> find_free(const RouteState& route, const Asking& asking, const Excluded& excluded,
                               base::Random& random, PlanTrace& trace, std::uint32_t attempts_before);

// When find_free() can succeed, if nothing else happens; none: never.
std::optional<base::TimePoint> find_earliest(const RouteState& route, const Asking& asking,
                                             const Excluded& excluded);

// When the first of those is asked again that are out because they fail; none: none is.
std::optional<base::TimePoint> find_retried(const RouteState& route, base::TimePoint now);

// The moment at which the `nth` of several such requests (1 is the first) finds its slot, as far as buckets
// tell. None: never. Allocates.
std::optional<base::TimePoint> find_nth_slot(const RouteState& route, const Asking& asking,
                                             const Excluded& excluded, std::uint32_t nth);

}  // namespace headworks::routing
