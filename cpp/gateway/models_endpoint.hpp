// GET /v1/models and /v1/models/{id}: the models that this client key may use, in the dialect that the client speaks.
#pragma once

#include "dialect/routes.hpp"
#include "gateway/loop_context.hpp"
#include "net/handler.hpp"

namespace headworks::gateway {

net::Task<> answer_models(LoopContext& context, const dialect::RouteRow& route, net::Request& request,
                          net::ResponseWriter& response);

}  // namespace headworks::gateway
