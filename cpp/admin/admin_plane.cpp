#include "admin/admin_plane.hpp"

#include "json/json_writer.hpp"

namespace headworks::admin {

net::Task<> AdminPlane::handle(net::Request& request, net::ResponseWriter& response) {
  const std::string_view path = request.head().path();
  const std::string_view method = request.head().method;
  std::string body;
  std::string_view type = "text/plain; charset=utf-8";
  std::uint16_t status = 200;
  base::Error error;
  const bool known = path == "/livez" || path == "/readyz" || path == "/metrics";
  if (known && method != "GET" && method != "HEAD") {
    error = base::fail(base::ErrorKind::method_not_allowed, "this route answers GET");
  } else if (path == "/livez" || path == "/readyz") {
    status = path == "/livez" || ready_() ? 200 : 503;
    body = status == 200 ? "ok\n" : "not ready\n";
  } else if (path == "/metrics") {
    body = metrics_.expose();
    type = "text/plain; version=0.0.4; charset=utf-8";
  } else {
    error = base::fail(base::ErrorKind::route_not_found, "there is no such route on the admin listener");
  }
  if (!error.message.empty()) {
    wire::HeadWriter head = response.start(base::row_of(error.kind).status);
    refuse(error, path, head, body);
  } else {
    wire::HeadWriter head = response.start(status);
    head.field("content-type", type);
    head.field("cache-control", "no-store");
  }
  co_await response.send(body);
}

void AdminPlane::refuse(const base::Error& error, std::string_view target, wire::HeadWriter& head,
                        std::string& body) {
  head.field("content-type", "application/json");
  head.field("cache-control", "no-store");
  json::JsonWriter json(body);
  json.open_object().key("error").open_object();
  json.key("code").string(base::code_of(error.kind)).key("message").string(error.message);
  json.key("path").string(target.substr(0, 64)).key("hint").null();
  json.close_object().close_object();
}

}  // namespace headworks::admin
