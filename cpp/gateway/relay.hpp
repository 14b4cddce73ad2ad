// Relay: a committed answer on its way to the client. Bytes go on as they come; what they say is read in passing. The
// end is honest: what was cut is told in the dialect's words and never looks complete.
#pragma once

#include "gateway/attempt.hpp"
#include "gateway/exchange.hpp"

namespace headworks::gateway {

// Sends the answer of `attempt`, head and body, and fills in what was used.
net::Task<> relay(Exchange& exchange, Attempt& attempt);

// Sends the upstream's own error answer. `retry_after`: our better knowledge of when to come back.
net::Task<> relay_last_answer(Exchange& exchange, const LastAnswer& answer,
                              std::optional<base::Duration> retry_after);

// Sends an error of ours in the dialect of the route.
net::Task<> reply_error(Exchange& exchange, const dialect::RouteRow& route, const base::Error& error);

}  // namespace headworks::gateway
