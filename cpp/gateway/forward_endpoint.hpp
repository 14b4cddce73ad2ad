// One request, told top to bottom: who asks, what for, which backend, the answer or the next backend, the record.
#pragma once

#include "dialect/routes.hpp"
#include "gateway/loop_context.hpp"
#include "net/handler.hpp"

namespace headworks::gateway {

// Answers a request of `route` by a backend.
net::Task<> forward(LoopContext& context, const dialect::RouteRow& route, net::Request& request,
                    net::ResponseWriter& response);

}  // namespace headworks::gateway
