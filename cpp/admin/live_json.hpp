// What a row cannot know: the gauges of a running backend, now.
#pragma once

#include <algorithm>
#include <boost/json.hpp>
#include <cmath>

#include "catalog/snapshot.hpp"

namespace headworks::admin {

inline boost::json::object live_of(const catalog::BackendEntry& backend, base::TimePoint now) {
  const gauges::BackendGauge& gauge = *backend.gauge;
  const double cooling = std::chrono::duration<double>(gauge.recovery().cooling_until() - now).count();
  return {{"in_flight", gauge.in_flight()},
          {"starts_left", backend.row.rpm_limit == 0 ? boost::json::value() : gauge.bucket().level(now)},
          {"cooling_seconds", std::round(std::max(cooling, 0.0) * 1e3) / 1e3},
          {"first_byte_ms", std::chrono::duration<double, std::milli>(gauge.expected_first_byte(now)).count()}};
}

}  // namespace headworks::admin
