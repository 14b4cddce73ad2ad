#include "gateway/attempt.hpp"

#include <algorithm>

#include "dialect/limit_reading.hpp"
#include "dialect/parameters.hpp"
#include "dialect/refusal.hpp"
#include "gateway/hook_calls.hpp"

namespace headworks::gateway {
namespace {

using base::Duration;
using net::CallStatus;
using routing::FailureClass;

constexpr std::size_t kMaxErrorBody = 65'536;

Duration of_seconds(double seconds) {
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds));
}

bool begins_with(std::string_view value, std::string_view type) {
  return value.size() >= type.size() && wire::same_name(value.substr(0, type.size()), type);
}

bool is_web_page(std::string_view type) {
  return begins_with(type, "text/html") || begins_with(type, "application/xhtml+xml");
}

}  // namespace

Attempt::Clocks Attempt::clocks_of(const catalog::Target& target, const catalog::Settings::Timeouts& timeouts) {
  const catalog::Backend& backend = target.backend->row;
  const catalog::Clocks mapping = target.settings == nullptr ? catalog::Clocks{} : target.settings->timeouts;
  const auto first_set = [](double mapped, double own, double common) {
    return of_seconds(mapped > 0 ? mapped : own > 0 ? own : common);
  };
  return {.connect = first_set(mapping.connect_seconds, backend.timeouts.connect_seconds, timeouts.connect_seconds),
          .write = first_set(mapping.write_seconds, backend.timeouts.write_seconds, timeouts.write_seconds),
          .first_byte =
              first_set(mapping.first_byte_seconds, backend.timeouts.first_byte_seconds, timeouts.first_byte_seconds),
          .idle = first_set(mapping.idle_seconds, backend.timeouts.idle_seconds, timeouts.idle_seconds),
          .total = first_set(mapping.total_seconds, backend.timeouts.total_seconds, backend.timeout_seconds)};
}

Attempt::Attempt(Exchange& exchange, const ClientRequest& request, routing::Try attempt)
    : exchange_(exchange),
      request_(request),
      try_(std::move(attempt)),
      clocks_(clocks_of(*try_.target, exchange.snapshot().settings().timeouts)),
      started_(exchange.now()),
      total_deadline_(std::min(started_ + clocks_.total, exchange.deadline())),
      call_(exchange.context().upstreams, exchange.catalog().endpoint(*try_.target->backend),
            {.connect = clocks_.connect,
             .write = clocks_.write,
             .first_byte = std::min(clocks_.first_byte, try_.first_byte_slice),
             .total = total_deadline_}),
      filter_(request.route->stream, request.adds_usage()) {
  const catalog::BackendEntry& backend = *try_.target->backend;
  exchange.set_attempt(this);
  record_.backend_id = backend.row.id;
  record_.backend = backend.row.name;
  record_.pool = try_.pool->name;
  record_.score = static_cast<float>(try_.score);
  record_.started = started_ - exchange.started();
  record_.model_sent = try_.target->model.empty() ? exchange.record().model : std::string_view(try_.target->model);
  if (exchange.route().masked != 0) record_.model_sent = exchange.record().model;  // a key in place of a name
}

Attempt::~Attempt() {
  exchange_.wait_on(static_cast<net::UpstreamCall*>(nullptr));
  exchange_.set_attempt(nullptr);
  record_ = so_far();
  settle_usage();
  exchange_.record().attempts.push_back(record_);
  base::wipe(head_);
  exchange_.context().loop.texts().take_back(std::move(head_));
}

telemetry::AttemptRecord Attempt::so_far() const {
  telemetry::AttemptRecord record = record_;
  record.total = exchange_.now() - started_;
  record.reused_connection = call_.reused();
  if (call_.connected_at() != base::TimePoint{}) record.connect = call_.connected_at() - started_;
  if (call_.first_byte_at() != base::TimePoint{}) record.first_byte = call_.first_byte_at() - started_;
  return record;
}

// What was used, and what it cost. A refused call used nothing; of one that broke off nobody knows, and what
// was reserved stands.
void Attempt::settle_usage() {
  const bool reported = record_.usage.source == base::UsageSource::reported;
  if (reported) try_.reservation.set_used(record_.usage.input_tokens + record_.usage.output_tokens);
  else if (record_.status >= 400) try_.reservation.set_used(0);
  if (const catalog::Price* price = try_.target->price) {
    const auto tokens = [](std::uint64_t count) { return static_cast<double>(count); };
    const base::Usage& usage = record_.usage;
    record_.cost.value = static_cast<std::int64_t>(  // USD per million tokens is micro-USD per token
        tokens(usage.input_tokens - usage.cached_input_tokens) * price->input +
        tokens(usage.cached_input_tokens) * price->cached_input + tokens(usage.output_tokens) * price->output + 0.5);
  }
}

// Empty: the one that the body names.
std::string_view Attempt::model_to_send() const {
  return try_.target->model.empty() ? request_.model_instead : try_.target->model;
}

// The client's bytes with ours between them. A mapping that sets or drops parameters gets a body of its own: it is read
// again, because everything may stand elsewhere.
void Attempt::write_body() {
  const catalog::MappingSettings* settings = try_.target->settings;
  const bool json = request_.body_kind == BodyKind::json;
  if (json && settings != nullptr && settings->changes_body()) {
    std::vector<dialect::Parameter> set;
    for (const catalog::ParameterValue& each : settings->set) set.push_back({each.name, each.value_json});
    json::JsonReader& reader = exchange_.context().json;
    auto changed = dialect::change_parameters(reader, request_.body, set, settings->drop);
    if (changed) {
      changed_body_ = *std::move(changed);
      changed_body_.reserve(changed_body_.size() + json::kPadding);
      const auto envelope = dialect::read_envelope(reader, changed_body_, 1024, *request_.route);
      if (envelope) {
        body_.splice(changed_body_, *envelope, model_to_send(), request_.adds_usage(), json);
        return;
      }
    }
    exchange_.context().log.log(base::LogLevel::error, "a mapping's parameters could not be applied; the client's own were sent",
                                {{"request_id", exchange_.id()}, {"backend", record_.backend}});
  }
  body_.splice(request_.body, request_.envelope, model_to_send(), request_.adds_usage(), json);
}

void Attempt::write_head() {
  const wire::RequestHead& client = *request_.head;
  const catalog::BackendEntry& backend = *try_.target->backend;
  std::size_t most = 256 + client.method.size() + backend.url.path.size() + client.target.size() + backend.request_lines.size();
  for (const wire::Field& field : client.fields) most += field.name.size() + field.value.size() + 4;
  head_ = exchange_.context().loop.texts().rent(most);  // growing would leave copies of the key behind
  wire::HeadWriter head(head_);
  head.request_line(client.method, backend.url, client.target);
  head.lines(backend.request_lines.reveal());
  const bool has_connection = client.find(wire::FieldId::connection) != nullptr;
  const HookPart* changed = exchange_.hooks();
  for (const wire::Field& field : client.fields) {
    if (field.traits.request == wire::Passage::drop) continue;
    if (has_connection && client.named_by_connection(field.name)) continue;
    if (changed != nullptr && changed->find_header(field.name) != nullptr) continue;
    head.copy(field);
  }
  const bool versioned = client.find(wire::FieldId::anthropic_version) != nullptr ||
                         (changed != nullptr && changed->find_header("anthropic-version") != nullptr);
  if (backend.row.api == catalog::Api::anthropic && !versioned)
    head.field("anthropic-version", "2023-06-01");
  if (changed != nullptr)
    for (const hooks::HeaderChange& change : changed->headers)
      if (change.value) head.field(change.name, *change.value);
  head.lines("accept-encoding: identity\r\n");
  if (request_.body_kind != BodyKind::none || client.method == "POST" || client.method == "PUT" || client.method == "PATCH")
    head.field("content-length", body_.size());
  head.end();
}

base::TimePoint Attempt::idle_deadline() const {
  return std::min(total_deadline_, exchange_.now() + clocks_.idle);
}

bool Attempt::is_out_of_time() const { return exchange_.now() >= total_deadline_; }

void Attempt::mark_sent(base::TimePoint now) {
  try_.reservation.mark_sent(now);
  try_.passage.mark_sent();
  record_.sent = true;
}

Attempt::End Attempt::fail(FailureClass failure) {
  failure_.failure = failure;
  record_.error = routing::row_of(failure).kind;
  return End::failed;
}

Attempt::End Attempt::fail_transport(CallStatus status) {
  switch (status) {
    case CallStatus::interrupted: record_.error = base::ErrorKind::client_closed; return End::client_left;
    case CallStatus::connect_failed:
    case CallStatus::connect_timeout: return fail(FailureClass::connect);
    case CallStatus::write_timeout: return fail(is_out_of_time() ? FailureClass::timeout_total : FailureClass::timeout_first_byte);
    case CallStatus::first_byte_timeout:
      // A client's own deadline, or its share of it, that was shorter than our clocks blames nobody.
      failure_.blames_upstream =
          exchange_.now() - started_ + std::chrono::milliseconds{50} >= std::min(clocks_.first_byte, clocks_.total);
      return fail(is_out_of_time() ? FailureClass::timeout_total : FailureClass::timeout_first_byte);
    case CallStatus::malformed: return fail(FailureClass::malformed);
    default: return fail(FailureClass::reset);
  }
}

net::Task<CallStatus> Attempt::wait_for_more(base::TimePoint deadline) {
  const net::IoStatus waited = co_await call_.readable(deadline);
  switch (waited) {
    case net::IoStatus::ok: co_return CallStatus::ok;
    case net::IoStatus::interrupted: co_return CallStatus::interrupted;
    case net::IoStatus::timeout: co_return CallStatus::first_byte_timeout;
    default: co_return CallStatus::reset;
  }
}

net::Task<Attempt::End> Attempt::run() {
  write_body();
  write_head();
  exchange_.wait_on(&call_);
  if (exchange_.client_left()) co_return fail_transport(CallStatus::interrupted);
  const net::UpstreamCall::OnSending on_sending{
      [](void* attempt, base::TimePoint now) { static_cast<Attempt*>(attempt)->mark_sent(now); }, this};
  const CallStatus status = co_await call_.start(head_, body_.pieces(), request_.head->method, on_sending);
  if (status != CallStatus::ok) {
    if (!call_.detail().empty())
      exchange_.context().log.log(base::LogLevel::debug, "an attempt failed",
                                  {{"request_id", exchange_.id()}, {"backend", record_.backend}, {"detail", call_.detail()}});
    co_return fail_transport(status);
  }

  const wire::ResponseHead& head = call_.head();
  record_.status = head.status;
  failure_.status = head.status;
  if (const auto failure = routing::find_failure_class(head.status)) {
    const End end = co_await read_error(*failure);
    co_return end;
  }
  const wire::Field* type = head.find(wire::FieldId::content_type);
  if (type != nullptr && is_web_page(type->value) && request_.route->name != "other")
    co_return fail(FailureClass::html_instead);
  const wire::Field* coding = head.find(wire::FieldId::content_encoding);
  if (coding != nullptr && !wire::same_name(coding->value, "identity")) {
    // We asked for identity. What came instead is relayed only to a client that said it can read it.
    const wire::Field* accepted = request_.head->find(wire::FieldId::accept_encoding);
    if (accepted == nullptr || accepted->value.find(coding->value) == std::string_view::npos)
      co_return fail(FailureClass::malformed);
  }
  stream_ = type != nullptr && begins_with(type->value, "text/event-stream");
  const End end = co_await read_first_bytes();
  co_return end;
}

Attempt::End Attempt::take_first(std::string_view bytes) {
  if (held_.empty()) {
    first_ = bytes;
  } else {
    held_.append(bytes);
    first_ = held_;
  }
  return End::committed;
}

// Up to the point of no return: the first event of a stream, the first bytes of anything else.
net::Task<Attempt::End> Attempt::read_first_bytes() {
  const base::TimePoint deadline =
      std::min(total_deadline_, exchange_.now() + std::min(clocks_.first_byte, try_.first_byte_slice));
  const bool wait_for_event = stream_ && request_.route->stream != dialect::StreamShape::none;
  for (;;) {
    const net::UpstreamCall::Part part = call_.poll_body();
    if (part.status == CallStatus::would_block) {
      const CallStatus status = co_await wait_for_more(deadline);
      if (status != CallStatus::ok) co_return fail_transport(status);
      continue;
    }
    if (part.status == CallStatus::end) {
      body_ended_ = true;
      if (wait_for_event) co_return fail(FailureClass::malformed);  // a stream without an event is no answer
      co_return take_first({});
    }
    if (part.status != CallStatus::ok) co_return fail_transport(part.status);
    if (!wait_for_event) co_return take_first(part.bytes);
    const std::string_view out = filter_.feed(exchange_.context().json, part.bytes);
    if (filter_.meter().begun()) co_return take_first(out);
    if (filter_.error_seen()) co_return fail(FailureClass::stream_error_before_commit);
    held_.append(out);
    if (held_.size() > kMaxErrorBody) co_return take_first({});
  }
}

net::Task<Attempt::End> Attempt::read_error(FailureClass failure) {
  const wire::ResponseHead& head = call_.head();
  last_answer_.status = head.status;
  if (const wire::Field* type = head.find(wire::FieldId::content_type)) last_answer_.content_type = type->value;
  const bool json = begins_with(last_answer_.content_type, "application/json") ||
                    begins_with(last_answer_.content_type, "application/problem+json");
  std::string& body = last_answer_.body;
  for (;;) {
    const net::UpstreamCall::Part part = call_.poll_body();
    if (part.status == CallStatus::would_block) {
      const CallStatus status = co_await wait_for_more(idle_deadline());
      if (status == CallStatus::interrupted) co_return fail_transport(status);
      if (status != CallStatus::ok) break;  // the status is known, which decides; only its words are lost
      continue;
    }
    if (part.status != CallStatus::ok) break;
    body.append(part.bytes);
    if (body.size() > kMaxErrorBody) break;
  }
  const bool whole = body.size() <= kMaxErrorBody && call_.poll_body().status == CallStatus::end;
  if (failure == FailureClass::status_429) {
    const dialect::LimitReading limit = dialect::read_limit(head.fields, body, exchange_.context().loop.wall());
    if (limit.after) failure_.retry_hint = routing::RetryHint{*limit.after, limit.source};
    failure_.scope = limit.scope;
  }
  if (whole) call_.finish();
  exchange_.mask_secrets(body, *try_.target->backend);
  if (failure == FailureClass::client_error) {
    const dialect::Refusal refusal = dialect::read_refusal(body);
    if (refusal == dialect::Refusal::context_too_long) failure = FailureClass::context_too_long;
    if (refusal == dialect::Refusal::content_filter) failure = FailureClass::content_filter;
    failure_.answer_at_hand = whole;
  } else if (whole && json) {
    body.reserve(body.size() + json::kPadding);
    bool has_error = false;
    const auto read = exchange_.context().json.read_object(body, 64, [&](const json::Member& member) -> base::Result<void> {
      has_error |= member.key == "error";
      return {};
    });
    failure_.answer_at_hand = read && has_error;
  }
  co_return fail(failure);
}

}  // namespace headworks::gateway
