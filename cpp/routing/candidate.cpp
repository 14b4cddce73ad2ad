#include "routing/candidate.hpp"

#include <algorithm>

namespace headworks::routing {

std::optional<base::TimePoint> find_ready_at(const catalog::Target& target, base::TimePoint now,
                                             gauges::Charge charge) {
  const catalog::BackendEntry& backend = *target.backend;
  if (!backend.usable()) return std::nullopt;
  const gauges::BackendGauge& gauge = *backend.gauge;
  base::TimePoint ready = std::max(now, gauge.cooling_until());
  const std::uint32_t places = backend.row.max_in_flight;
  if (places != 0 && gauge.in_flight() >= places) ready = std::max(ready, now + kPlaceGuess);
  return charge == gauges::Charge::nothing ? ready : gauge.bucket().earliest(ready);
}

}  // namespace headworks::routing
