// What bounds one request: its deadline (the client's, its key's, ours), what it may use of tokens and money
// at most, and what belongs together for sticky routing. Estimates are made here, and nowhere else.
#pragma once

#include "gateway/client_request.hpp"
#include "gateway/exchange.hpp"
#include "routing/attempt_plan.hpp"

namespace headworks::gateway {

gauges::Charge charge_of(const dialect::RouteRow& route);

// Sets the exchange's deadline too.
routing::PlanLimits read_limits(Exchange& exchange, const ClientRequest& request, const ModelRoute& route);

// Takes what the request may use from its client key's tokens and budgets; settled by the exchange. Kinds
// key_rate_limited (with the moment) and insufficient_quota.
base::Result<void> hold_key_limits(Exchange& exchange, const ClientRequest& request, const ModelRoute& route,
                                   const routing::PlanLimits& limits);

}  // namespace headworks::gateway
