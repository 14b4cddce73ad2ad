// Asking an upstream, by the connector that requests go by: a test with clocks, and its own list of models.
#include "admin/body.hpp"
#include "admin/endpoints.hpp"
#include "admin/store_calls.hpp"
#include "net/upstream_client.hpp"
#include "wire/head_writer.hpp"

namespace headworks::admin {
namespace {

using base::ErrorKind;
using base::Result;
using net::CallStatus;

constexpr std::size_t kMostBody = 4 * 1024 * 1024;
constexpr std::size_t kMostShown = 2048;
constexpr base::Duration kPatience = std::chrono::seconds{30};

struct Probe {
  CallStatus status = CallStatus::ok;
  std::uint16_t answered = 0;  // HTTP status; 0: no answer
  std::string body;
  bool reused = false;
  base::Duration connect{}, first_byte{}, total{};
};

std::string_view words_of(CallStatus status) {
  switch (status) {
    case CallStatus::connect_failed: return "no connection could be made";
    case CallStatus::connect_timeout: return "no connection within the clock";
    case CallStatus::write_timeout: return "it does not take the request";
    case CallStatus::first_byte_timeout: return "no answer within the clock";
    case CallStatus::malformed: return "it does not speak HTTP/1.1 as it should";
    case CallStatus::reset: return "it closed the connection before its answer was complete";
    default: return "it did not answer";
  }
}

net::Task<Probe> call_upstream(AdminContext& context, const catalog::BackendEntry& backend, std::string_view method,
                               std::string_view path, std::string_view body) {
  std::string text, target;
  wire::append_target(target, backend.url, path);
  text.reserve(512 + target.size() + backend.request_lines.size());  // growing would leave copies of the key behind
  wire::HeadWriter head(text);
  head.request_line(method, target);
  head.lines(backend.request_lines.reveal());
  if (backend.row.api == catalog::Api::anthropic) head.field("anthropic-version", "2023-06-01");
  head.field("accept-encoding", "identity");
  if (!body.empty()) {
    head.field("content-type", "application/json");
    head.field("content-length", std::uint64_t{body.size()});
  }
  head.end();
  const net::Endpoint endpoint(backend.url);
  const base::TimePoint began = context.loop.refresh_now();
  net::UpstreamCall call(context.upstreams, endpoint,
                         {.connect = kPatience, .write = kPatience, .first_byte = kPatience, .total = began + kPatience});
  const std::array<std::string_view, 1> pieces{body};
  const std::span<const std::string_view> sent(pieces.data(), body.empty() ? 0 : 1);
  const net::UpstreamCall::OnSending on_sending{[](void*, base::TimePoint) {}, nullptr};
  Probe probe;
  probe.status = co_await call.start(text, sent, method, on_sending);
  base::wipe(text);
  if (probe.status == CallStatus::ok) probe.answered = call.head().status;
  while (probe.status == CallStatus::ok) {
    const net::UpstreamCall::Part part = call.poll_body();
    if (part.status == CallStatus::would_block) {
      const net::IoStatus waited = co_await call.readable(began + kPatience);
      if (waited != net::IoStatus::ok) probe.status = CallStatus::first_byte_timeout;
    } else if (part.status == CallStatus::end) {
      call.finish();
      break;
    } else if (part.status != CallStatus::ok || probe.body.size() + part.bytes.size() > kMostBody) {
      probe.status = part.status == CallStatus::ok ? CallStatus::malformed : part.status;
    } else {
      probe.body.append(part.bytes);
    }
  }
  probe.reused = call.reused();
  if (call.connected_at() != base::TimePoint{}) probe.connect = call.connected_at() - began;
  if (call.first_byte_at() != base::TimePoint{}) probe.first_byte = call.first_byte_at() - began;
  probe.total = context.loop.now() - began;
  backend.row.api_key.mask_in(probe.body);
  co_return probe;
}

Result<const catalog::BackendEntry*> find_live(const catalog::Snapshot& snapshot, const Call& call) {
  const catalog::BackendEntry* backend = snapshot.find_backend(call.path.front());
  if (backend == nullptr) return base::fail(ErrorKind::not_found, "there is no such backend");
  if (backend->row.key_state == catalog::KeyState::unreadable)
    return base::fail(ErrorKind::conflict, "its key cannot be opened: give it again");
  return backend;
}

// What the backend calls `model`; without one, the first mapping that is no pattern.
std::string model_for(const catalog::Backend& row, const std::optional<std::string>& model) {
  for (const catalog::ModelMapping& mapping : row.model_mappings) {
    if (!model && mapping.canonical.find('*') == std::string::npos) return mapping.model;
    if (model && catalog::matches(mapping.canonical, *model))
      return catalog::substitute(mapping.canonical, mapping.model, *model);
  }
  return model.value_or("");
}

double ms_of(base::Duration lasted) { return std::chrono::duration<double, std::milli>(lasted).count(); }

}  // namespace

net::Task<Answer> test_backend(AdminContext& context, Call& call) {
  std::optional<std::string> asked;
  if (!call.body.is_null()) {
    const auto body = read_members(call.body, {"model"});
    if (!body) co_return body.error();
    auto model = find_text(**body, "model");
    if (!model) co_return model.error();
    asked = *std::move(model);
  }
  const auto snapshot = context.snapshot();
  const Result<const catalog::BackendEntry*> found = find_live(*snapshot, call);
  if (!found) co_return found.error();
  const catalog::BackendEntry& backend = **found;
  const std::string model = model_for(backend.row, asked);
  if (model.empty()) co_return wrong("$.model", "is needed: the backend has no mapping to take one from", R"({"model": "llama-70b"})");
  // It counts with the upstream, so it counts here.
  const base::TimePoint now = context.loop.refresh_now();
  if (!backend.gauge->bucket().take(now)) {
    base::Error error = base::fail(ErrorKind::all_backends_limited, "the backend's requests per minute are used up");
    error.retry_after = backend.gauge->bucket().earliest(now) - now;
    co_return error;
  }
  const bool anthropic = backend.row.api == catalog::Api::anthropic;
  const std::string body = boost::json::serialize(
      boost::json::object{{"model", model},
                          {"max_tokens", 1},
                          {"messages", boost::json::array{{{"role", "user"}, {"content", "Say one word."}}}}});
  auto calling = call_upstream(context, backend, "POST", anthropic ? "/v1/messages" : "/v1/chat/completions", body);
  const Probe probe = co_await calling;
  const bool ok = probe.status == CallStatus::ok && probe.answered >= 200 && probe.answered < 300;
  boost::json::object json{{"ok", ok}, {"status", probe.answered}, {"model_sent", model}};
  json["failure"] = probe.status == CallStatus::ok ? boost::json::value() : boost::json::value(words_of(probe.status));
  json["connect_ms"] = ms_of(probe.connect), json["first_byte_ms"] = ms_of(probe.first_byte), json["total_ms"] = ms_of(probe.total);
  json["reused_connection"] = probe.reused;
  json["answer"] = std::string_view(probe.body).substr(0, kMostShown);
  co_return reply_json(json, snapshot->revision());
}

net::Task<Answer> list_upstream_models(AdminContext& context, Call& call) {
  const auto snapshot = context.snapshot();
  const Result<const catalog::BackendEntry*> found = find_live(*snapshot, call);
  if (!found) co_return found.error();
  const catalog::BackendEntry& backend = **found;
  auto calling = call_upstream(context, backend, "GET", "/v1/models", {});
  const Probe probe = co_await calling;
  boost::system::error_code failed;
  const boost::json::value answer = boost::json::parse(probe.body, failed);
  const boost::json::object* object = failed ? nullptr : answer.if_object();
  const boost::json::value* data = object == nullptr ? nullptr : object->if_contains("data");
  if (probe.status != CallStatus::ok || probe.answered != 200 || data == nullptr || !data->is_array()) {
    std::string said = probe.status != CallStatus::ok ? std::string(words_of(probe.status))
                       : probe.answered != 200        ? "it answered " + std::to_string(probe.answered)
                                                      : "its answer is no list of models";
    co_return base::fail(ErrorKind::upstream_error, "the upstream gave no list of models: " + said);
  }
  boost::json::array rows;
  for (const boost::json::value& each : data->as_array()) {
    const boost::json::object* row = each.if_object();
    const boost::json::value* id = row == nullptr ? nullptr : row->if_contains("id");
    if (id == nullptr || !id->is_string()) continue;
    boost::json::array names;
    for (const catalog::ModelMapping& mapping : backend.row.model_mappings)
      if (mapping.model == std::string_view(id->as_string())) names.push_back(boost::json::string(mapping.canonical));
    rows.push_back({{"id", id->as_string()}, {"mapped_as", std::move(names)}});
  }
  co_return reply_page(std::move(rows), std::nullopt, snapshot->revision());
}

}  // namespace headworks::admin
