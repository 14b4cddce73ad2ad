#include "gateway/models_endpoint.hpp"

#include <algorithm>

#include "dialect/models_list.hpp"
#include "gateway/answer_head.hpp"
#include "gateway/authenticate.hpp"
#include "gateway/relay.hpp"

namespace headworks::gateway {

net::Task<> answer_models(LoopContext& context, const dialect::RouteRow& route, net::Request& request,
                          net::ResponseWriter& response) {
  Exchange exchange(context, request, response, route.name);
  const wire::RequestHead& head = request.head();
  const bool anthropic = head.find(wire::FieldId::anthropic_version) != nullptr;
  dialect::RouteRow shaped = route;
  shaped.dialect = anthropic ? dialect::Dialect::anthropic : dialect::Dialect::openai;

  const auto key = authenticate(head, exchange.snapshot(), context.key_hasher, context.loop.wall());
  if (!key) {
    co_await reply_error(exchange, shaped, key.error());
    co_return;
  }
  exchange.set_client_key(**key, {});
  std::vector<std::string> names = exchange.snapshot().listed_models();
  std::erase_if(names, [&](const std::string& name) { return !(*key)->allows(name); });

  std::string body;
  if (route.endpoint == dialect::Endpoint::models) {
    const std::string_view target = head.target;
    const std::string_view query = target.substr(std::min(target.size(), head.path().size() + 1));
    dialect::write_models(shaped.dialect, names, 0, body, dialect::read_models_page(query));
  } else {
    const std::string_view name = head.path().substr(route.path.size());
    if (std::find(names.begin(), names.end(), name) == names.end()) {
      const base::Error error = base::fail(base::ErrorKind::model_not_found, "no such model is served to this API key");
      co_await reply_error(exchange, shaped, error);
      co_return;
    }
    dialect::write_model(shaped.dialect, name, 0, body);
  }
  wire::HeadWriter answer = response.start(200);
  answer.field("content-type", "application/json");
  write_answer_head(exchange, answer, nullptr);
  co_await response.send(body);
}

}  // namespace headworks::gateway
