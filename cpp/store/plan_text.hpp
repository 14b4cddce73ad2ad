// What was out of the ordinary in an exchange, as JSON text: the ledger's column `plan`.
//
//   [{"what": "passed_over", "attempts_before": 0, "backend": "a", "pool": "primary", "why": "cooling", "score": 1},
//    {"what": "passed_over", "attempts_before": 0, "count": 12, "why": "bucket"},
//    {"what": "waited", "attempts_before": 0, "why": "turn", "seconds": 1.25},
//    {"what": "failed", "attempts_before": 0, "why": "status_429", "cooled": "backend", "source": "header", "seconds": 7}]
#pragma once

#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "telemetry/exchange_record.hpp"

namespace headworks::store {

std::string format_plan(std::span<const telemetry::PlanStep> plan);

// Names go into `texts`, which the steps point into. Text that is no such plan gives an empty one.
std::vector<telemetry::PlanStep> parse_plan(std::string_view text, std::deque<std::string>& texts);

}  // namespace headworks::store
