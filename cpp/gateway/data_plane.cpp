#include "gateway/data_plane.hpp"

#include "dialect/error_body.hpp"
#include "gateway/forward_endpoint.hpp"
#include "gateway/models_endpoint.hpp"

namespace headworks::gateway {
namespace {

using base::ErrorKind;
using base::fail;

net::Task<> reply_without_exchange(DataPlane& plane, net::ResponseWriter& response, base::Error error,
                                   std::string_view target) {
  std::string body;
  wire::HeadWriter head = response.start(base::row_of(error.kind).status);
  plane.refuse(error, target, head, body);
  co_await response.send(body);
}

bool asks_for_websocket(const wire::RequestHead& head) {
  const wire::Field* upgrade = head.find(wire::FieldId::upgrade);
  return upgrade != nullptr && wire::same_name(upgrade->value, "websocket");
}

}  // namespace

net::Task<> answer_health(bool healthy, net::ResponseWriter& response) {
  wire::HeadWriter head = response.start(healthy ? 200 : 503);
  head.field("content-type", "text/plain; charset=utf-8");
  head.field("cache-control", "no-store");
  co_await response.send(healthy ? "ok\n" : "not ready\n");
}

net::Task<> DataPlane::handle(net::Request& request, net::ResponseWriter& response) {
  const wire::RequestHead& head = request.head();
  const std::string_view path = head.path();
  if (const dialect::RouteRow* route = dialect::find_route(head.method, path)) {
    if (path == "/v1/responses" && head.method == "GET" && asks_for_websocket(head)) {
      // Codex asks for a WebSocket first; after 426 it uses POST at once (reference: what clients do).
      base::Error error = fail(ErrorKind::upgrade_required, "WebSocket is not spoken here; use POST /v1/responses");
      return reply_without_exchange(*this, response, std::move(error), path);
    }
    if (route->endpoint == dialect::Endpoint::forward) return forward(context_, *route, request, response);
    return answer_models(context_, *route, request, response);
  }
  if (path == "/livez") return answer_health(true, response);
  if (path == "/readyz")
    return answer_health(readiness_.ready.load() && !readiness_.draining.load(), response);
  base::Error error = fail(ErrorKind::route_not_found, "there is no such route; the API stands under /v1/");
  return reply_without_exchange(*this, response, std::move(error), path);
}

void DataPlane::refuse(const base::Error& error, std::string_view target, wire::HeadWriter& head, std::string& body) {
  context_.metrics.count_bad_request(error.kind);
  const base::RequestId id(context_.loop.random(), context_.loop.wall());
  head.field("x-request-id", id.view());
  if (error.kind == ErrorKind::upgrade_required) head.field("upgrade", "HTTP/1.1");
  const dialect::RouteRow* route = target.empty() ? nullptr : dialect::find_route("POST", target);
  dialect::write_error(route != nullptr ? route->dialect : dialect::Dialect::openai, error, id.view(), head, body);
  context_.log.log(base::LogLevel::info, "a request was refused",
                   {{"request_id", id.view()}, {"error", base::code_of(error.kind)}, {"detail", error.message}});
}

}  // namespace headworks::gateway
