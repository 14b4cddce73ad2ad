#include "admin/admin_plane.hpp"

#include <boost/json.hpp>
#include <charconv>

#include "admin/dashboard_files.hpp"
#include "admin/endpoints.hpp"
#include "catalog/configuration.hpp"
#include "catalog/document.hpp"
#include "dialect/error_body.hpp"
#include "json/json_writer.hpp"
#include "wire/query.hpp"

namespace headworks::admin {
namespace {

using base::ErrorKind;
using base::fail;
using base::Result;

constexpr std::string_view kPrefix = "/admin/v1";
constexpr std::uint64_t kMaxBody = 4 * 1024 * 1024;

std::string_view query_of(const wire::RequestHead& head) {
  const std::size_t mark = head.target.find('?');
  return mark == head.target.npos ? std::string_view() : head.target.substr(mark + 1);
}

Result<void> read_query(const wire::RequestHead& head, Call& call) {
  auto pairs = wire::parse_query(query_of(head));
  if (!pairs) return fail(ErrorKind::bad_request, "the query cannot be read: a % stands without two hexadecimal digits");
  std::vector<std::string_view> known;
  for (std::string_view names = call.route->query; !names.empty();) {
    known.push_back(names.substr(0, names.find(' ')));
    names.remove_prefix(std::min(known.back().size() + 1, names.size()));
  }
  for (const auto& [name, value] : *pairs) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    base::Error error = fail(ErrorKind::bad_request, "this route takes no query '" + name.substr(0, 64) + "'");
    error.param = "?" + name.substr(0, 64);
    if (!known.empty()) error.hint = catalog::suggest(name, known);
    return error;
  }
  call.query = *std::move(pairs);
  return {};
}

// The revision of `If-Match: "12"`; any other tag can match nothing of ours.
Result<void> read_if_match(const wire::RequestHead& head, Call& call) {
  const wire::Field* field = nullptr;
  for (const wire::Field& each : head.fields)
    if (wire::same_name(each.name, "if-match")) field = &each;
  if (field == nullptr || field->value == "*") return {};
  std::string_view tag = field->value;
  if (tag.size() >= 2 && tag.front() == '"' && tag.back() == '"') tag = tag.substr(1, tag.size() - 2);
  std::uint64_t revision = 0;
  const auto [end, failed] = std::from_chars(tag.data(), tag.data() + tag.size(), revision);
  if (failed != std::errc{} || end != tag.data() + tag.size())
    return fail(ErrorKind::bad_request, "If-Match must be a revision, as an answer's ETag gives it");
  call.if_revision = revision;
  return {};
}

}  // namespace

net::Task<> AdminPlane::handle(net::Request& request, net::ResponseWriter& response) {
  const std::string_view path = request.head().path();
  const bool api = path.starts_with(kPrefix) && (path.size() == kPrefix.size() || path[kPrefix.size()] == '/');
  return api ? answer_api(request, response) : answer_plain(request, response);
}

net::Task<> AdminPlane::answer_plain(net::Request& request, net::ResponseWriter& response) {
  const std::string_view path = request.head().path();
  const std::string_view method = request.head().method;
  std::string body;
  std::string_view type = "text/plain; charset=utf-8";
  std::uint16_t status = 200;
  base::Error error;
  const bool known = path == "/livez" || path == "/readyz" || path == "/metrics";
  const DashboardFile* file = known ? nullptr : find_dashboard_file(path);
  if ((known || file != nullptr) && method != "GET" && method != "HEAD") {
    error = fail(ErrorKind::method_not_allowed, "this route answers GET");
  } else if (file != nullptr) {
    co_return co_await send_dashboard_file(*file, request.head(), response);
  } else if (path == "/livez" || path == "/readyz") {
    status = path == "/livez" || context_.shared.ready() ? 200 : 503;
    body = status == 200 ? "ok\n" : "not ready\n";
  } else if (path == "/metrics") {
    body = context_.shared.metrics.expose();
    type = "text/plain; version=0.0.4; charset=utf-8";
  } else {
    error = fail(ErrorKind::route_not_found,
                 "there is no such route on the admin listener; the dashboard is at /, the API under " + std::string(kPrefix));
  }
  if (!error.message.empty()) {
    wire::HeadWriter head = response.start(base::row_of(error.kind).status);
    refuse(error, path, head, body);
  } else {
    wire::HeadWriter head = response.start(status);
    head.field("content-type", type);
    write_common(head);
  }
  co_await response.send(body);
}

Result<void> AdminPlane::authenticate(const net::Request& request, Call& call) {
  const wire::RequestHead& head = request.head();
  const auto snapshot = context_.snapshot();
  if (Result<void> ours = AdminAccess::check_host(head, *snapshot); !ours) return ours;
  call.address = request.peer();
  const bool changes = head.method != "GET" && head.method != "HEAD";
  const bool open = call.route != nullptr && call.route->open;
  const bool by_cookie = head.find(wire::FieldId::authorization) == nullptr && !AdminAccess::session_of(head).empty();
  if (Result<void> near = AdminAccess::check_origin(head, changes, by_cookie && !open); !near) return near;
  if (open) return {};
  Result<Identity> identity =
      access_.identify(head, call.address, *snapshot, {.at = context_.loop.now(), .wall = context_.loop.wall()});
  if (!identity) return identity.error();
  if (by_cookie) call.session = AdminAccess::session_of(head);
  call.identity = *std::move(identity);
  call.actor = call.identity.name;
  return {};
}

net::Task<Result<void>> AdminPlane::read_call(net::Request& request, Call& call) {
  const wire::RequestHead& head = request.head();
  if (Result<void> read = read_query(head, call); !read) co_return read.error();
  if (Result<void> read = read_if_match(head, call); !read) co_return read.error();
  const Result<std::string_view> body = co_await request.read_body(kMaxBody);
  if (!body) co_return body.error();
  if (body->empty()) {
    if (call.route->body == BodyRule::required) co_return fail(ErrorKind::bad_request, "this route needs a JSON body");
    co_return Result<void>();
  }
  std::string_view type;
  for (const wire::Field& field : head.fields)
    if (wire::same_name(field.name, "content-type")) type = field.value.substr(0, field.value.find(';'));
  if (!type.empty() && !wire::same_name(type, "application/json")) {
    base::Error error = fail(ErrorKind::unsupported_media_type, "the admin API takes JSON");
    error.hint = "content-type: application/json";
    co_return error;
  }
  if (call.route->body == BodyRule::none) co_return fail(ErrorKind::bad_request, "this route takes no body");
  std::vector<catalog::Problem> problems;
  auto document = catalog::parse_document(*body, problems);
  if (!problems.empty()) {
    base::Error error = catalog::error_of(problems);
    if (!document) error.kind = ErrorKind::invalid_json;
    co_return error;
  }
  call.body = *std::move(document);
  co_return Result<void>();
}

net::Task<> AdminPlane::answer_api(net::Request& request, net::ResponseWriter& response) {
  const wire::RequestHead& head = request.head();
  const std::string path(head.path());
  Routed routed = route(head.method, std::string_view(path).substr(kPrefix.size()));
  base::Error error;
  Reply reply;
  Call call;
  call.route = routed.row;
  call.path = std::move(routed.values);
  const Result<void> known = authenticate(request, call);
  if (!known) {
    error = known.error();
  } else if (routed.row == nullptr && routed.allowed.empty()) {
    error = fail(ErrorKind::route_not_found, "there is no such route in the admin API");
    error.hint = "GET /admin/v1/openapi.json lists all of them";
  } else if (routed.row == nullptr) {
    error = fail(ErrorKind::method_not_allowed, "this route answers " + routed.allowed);
  } else if (!routed.row->open && call.identity.role < routed.row->role) {
    error = fail(ErrorKind::permission_denied, "this needs the role " + std::string(name_of(routed.row->role)));
  } else {
    net::Task<Result<void>> reading = read_call(request, call);
    const Result<void> read = co_await reading;
    if (!read) {
      error = read.error();
    } else if (routed.row->stream != nullptr) {
      net::Task<Result<void>> streaming = routed.row->stream(context_, call, head, response);
      const Result<void> streamed = co_await streaming;
      if (streamed || response.head_sent()) co_return;
      error = streamed.error();
    } else {
      net::Task<Answer> answering = routed.row->endpoint(context_, call);
      Answer answer = co_await answering;
      if (answer) reply = *std::move(answer);
      else error = answer.error();
    }
  }
  std::string body;
  if (!error.message.empty()) {
    if (error.kind == ErrorKind::client_closed) co_return;
    wire::HeadWriter writer = response.start(base::row_of(error.kind).status);
    if (!routed.allowed.empty() && error.kind == ErrorKind::method_not_allowed) writer.field("allow", routed.allowed);
    refuse(error, path, writer, body);
  } else {
    wire::HeadWriter writer = response.start(reply.status);
    write_common(writer);
    if (!reply.cookie.empty()) writer.field("set-cookie", reply.cookie);
    if (!reply.body.empty()) writer.field("content-type", "application/json");
    if (reply.revision) writer.field("etag", '"' + std::to_string(*reply.revision) + '"');
    body = std::move(reply.body);
  }
  mask_secrets(body, routed.row != nullptr && routed.row->name == "export_config" ? "export" : "admin");
  co_await response.send(body);
}

void AdminPlane::mask_secrets(std::string& body, std::string_view sink) {
  const std::size_t masked = context_.snapshot()->secrets().mask(body);
  if (masked != 0)
    context_.shared.metrics.add(telemetry::Metric::secrets_masked, {sink}, static_cast<double>(masked));
}

void AdminPlane::refuse(const base::Error& error, std::string_view target, wire::HeadWriter& head,
                        std::string& body) {
  head.field("content-type", "application/json");
  write_common(head);
  if (error.retry_after) dialect::write_retry_after(head, *error.retry_after);
  if (error.kind == ErrorKind::missing_credential || error.kind == ErrorKind::invalid_api_key)
    head.field("www-authenticate", "Bearer realm=\"headworks\"");
  if (!error.detail.empty() && base::row_of(error.kind).level >= base::LogLevel::error)
    context_.loop.log().log(base::LogLevel::error, error.message, {{"detail", error.detail}, {"path", target}});
  json::JsonWriter json(body);
  json.open_object().key("error").open_object();
  json.key("code").string(base::code_of(error.kind)).key("message").string(error.message);
  json.key("path").string(error.param.empty() ? target.substr(0, 128) : std::string_view(error.param));
  json.key("hint");
  if (error.hint.empty()) json.null();
  else json.string(error.hint);
  json.close_object().close_object();
}

}  // namespace headworks::admin
