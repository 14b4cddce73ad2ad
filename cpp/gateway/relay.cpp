#include "gateway/relay.hpp"

#include "dialect/error_body.hpp"
#include "dialect/usage_reader.hpp"
#include "gateway/answer_head.hpp"

namespace headworks::gateway {
namespace {

using base::ErrorKind;
using net::CallStatus;
using net::IoStatus;

// The last bytes of a body that is too long to be held: where the usage stands.
class Tail {
 public:
  static constexpr std::size_t kKeep = 8192;
  void add(std::string_view bytes) {
    if (bytes.size() >= kKeep) {
      text_.assign(bytes.substr(bytes.size() - kKeep));
      return;
    }
    if (text_.size() + bytes.size() > kKeep) text_.erase(0, text_.size() + bytes.size() - kKeep);
    text_.append(bytes);
  }
  std::string_view text() const { return text_; }

 private:
  std::string text_;
};

// How the body's transfer from the upstream broke off.
base::Error cut_error(const Attempt& attempt, CallStatus status) {
  if (attempt.filter().error_seen())
    return base::fail(ErrorKind::upstream_error, "the upstream reported an error in the middle of its answer");
  switch (status) {
    case CallStatus::first_byte_timeout:
      if (attempt.is_out_of_time())
        return base::fail(ErrorKind::deadline_exceeded, "the request's time was up in the middle of its answer");
      return base::fail(ErrorKind::upstream_timeout, "the upstream went silent in the middle of its answer");
    case CallStatus::malformed:
      return base::fail(ErrorKind::upstream_malformed, "the upstream's answer broke off: its framing is malformed");
    default:
      return base::fail(ErrorKind::upstream_reset, "the upstream's answer was cut before its end");
  }
}

net::Task<CallStatus> wait_for_more(Attempt& attempt, base::TimePoint deadline) {
  const IoStatus waited = co_await attempt.call().readable(deadline);
  switch (waited) {
    case IoStatus::ok: co_return CallStatus::ok;
    case IoStatus::interrupted: co_return CallStatus::interrupted;
    case IoStatus::timeout: co_return CallStatus::first_byte_timeout;
    default: co_return CallStatus::reset;
  }
}

void estimate_input(const ClientRequest& request, base::Usage& usage) {
  if (usage.input_tokens == 0 && usage.source != base::UsageSource::none && usage.source != base::UsageSource::reported)
    usage.input_tokens = (request.body.size() + 3) / 4;
}

// The end of a body that the client must not take for complete: an error event where the dialect has one, and a
// connection that ends without the body's end.
net::Task<> end_cut(Exchange& exchange, Attempt& attempt, CallStatus status) {
  const base::Error error = cut_error(attempt, status);
  attempt.record().error = error.kind;
  exchange.end_with(error.kind);
  const dialect::StreamShape shape = attempt.request().route->stream;
  if (attempt.is_stream() && shape != dialect::StreamShape::none) {
    std::string out;
    if (attempt.filter().inside_event()) out = "\n\n";  // or ours would become a part of theirs
    if (!attempt.filter().error_seen()) dialect::append_stream_error(shape, error, exchange.id(), out);
    if (!out.empty()) co_await exchange.response().write(out);
  }
  exchange.response().abandon();
}

// A comment line: clients and proxies between see that the stream is alive (WHATWG HTML section 9.2.7 advises one
// about every 15 seconds).
constexpr std::string_view kPing = ": ping\n\n";

// The upstream's silence, while it lasts. Our pings towards the client do not end it.
class Silence {
 public:
  base::TimePoint ends_at(const Attempt& attempt) {
    if (!ends_at_) ends_at_ = attempt.idle_deadline();
    return *ends_at_;
  }
  base::TimePoint ping_at(const Exchange& exchange) const {
    const double seconds = exchange.snapshot().settings().stream.ping_seconds;
    if (seconds <= 0) return base::TimePoint::max();
    return exchange.now() + std::chrono::duration_cast<base::Duration>(std::chrono::duration<double>(seconds));
  }
  // Time for a ping, and the client has no half of an event.
  bool may_ping(const Exchange& exchange, const Attempt& attempt, base::TimePoint ping_at) const {
    return ping_at < *ends_at_ && exchange.now() >= ping_at && !attempt.filter().inside_event() &&
           attempt.request().route->stream != dialect::StreamShape::none;
  }
  void over() { ends_at_.reset(); }

 private:
  std::optional<base::TimePoint> ends_at_;
};

// An upstream's error may repeat the key that we sent. `masked` holds what is not the upstream's own bytes.
std::string_view what_to_show(Exchange& exchange, const Attempt& attempt, std::string_view out, std::string& masked) {
  if (!attempt.filter().error_seen()) return out;
  masked = out;
  exchange.mask_secrets(masked, *attempt.target().backend);
  return masked;
}

net::Task<> relay_stream(Exchange& exchange, Attempt& attempt) {
  net::ResponseWriter& response = exchange.response();
  const dialect::StreamMeter& meter = attempt.filter().meter();
  json::JsonReader& json = exchange.context().json;
  Silence silence;
  std::string masked;
  const std::string_view first = what_to_show(exchange, attempt, attempt.first_bytes(), masked);
  IoStatus sent = co_await response.begin_stream(first);
  while (sent == IoStatus::ok) {
    const net::UpstreamCall::Part part = attempt.call().poll_body();
    CallStatus status = part.status;
    if (status == CallStatus::ok) {
      const std::string_view out = what_to_show(exchange, attempt, attempt.filter().feed(json, part.bytes), masked);
      if (!out.empty()) sent = co_await response.write(out);
      continue;
    }
    if (status == CallStatus::would_block) {
      const base::TimePoint ping_at = silence.ping_at(exchange);
      status = co_await wait_for_more(attempt, std::min(silence.ends_at(attempt), ping_at));
      if (status == CallStatus::first_byte_timeout && silence.may_ping(exchange, attempt, ping_at)) {
        sent = co_await response.write(kPing);
        continue;
      }
      silence.over();
      if (status == CallStatus::ok) continue;
    }
    if (status == CallStatus::interrupted) break;
    const std::string_view held = status == CallStatus::end ? attempt.filter().finish(json) : std::string_view{};
    if (status == CallStatus::end && meter.complete() && !attempt.filter().error_seen()) {
      attempt.call().finish();
      co_await response.write(held, true);
      attempt.record().usage = meter.usage(false);
      co_return;
    }
    co_await end_cut(exchange, attempt, status);
    attempt.record().usage = meter.usage(true);
    co_return;
  }
  const bool has_all = attempt.request().route->stream != dialect::StreamShape::none && meter.complete();
  if (has_all) exchange.note_client_has_all();
  else attempt.record().error = ErrorKind::client_closed;
  attempt.record().usage = meter.usage(!has_all);
}

net::Task<> relay_body(Exchange& exchange, Attempt& attempt) {
  net::ResponseWriter& response = exchange.response();
  const std::string_view first = attempt.first_bytes();
  const bool known = attempt.call().length_known();
  base::Usage& usage = attempt.record().usage;
  const auto reported = [&](std::string_view text) {
    if (attempt.request().route->metered && dialect::read_usage(text, usage)) usage.source = base::UsageSource::reported;
  };
  if (attempt.body_ended() || (known && first.size() == attempt.call().content_length())) {
    // The common case: all of it is here. One write.
    reported(first);
    const IoStatus sent = co_await response.send(first);
    if (sent != IoStatus::ok) {
      attempt.record().error = ErrorKind::client_closed;
      exchange.end_with(ErrorKind::client_closed);
    }
    if (attempt.call().poll_body().status == CallStatus::end) attempt.call().finish();
    co_return;
  }
  Tail tail;
  tail.add(first);
  IoStatus sent = IoStatus::ok;
  if (known) sent = co_await response.begin(attempt.call().content_length(), first);
  else sent = co_await response.begin_stream(first);
  while (sent == IoStatus::ok) {
    const net::UpstreamCall::Part part = attempt.call().poll_body();
    CallStatus status = part.status;
    if (status == CallStatus::ok) {
      tail.add(part.bytes);
      sent = co_await response.write(part.bytes);
      continue;
    }
    if (status == CallStatus::would_block) {
      status = co_await wait_for_more(attempt, attempt.idle_deadline());
      if (status == CallStatus::ok) continue;
    }
    if (status == CallStatus::interrupted) break;
    if (status == CallStatus::end) {
      attempt.call().finish();
      if (!known) co_await response.finish();
      reported(tail.text());
      co_return;
    }
    co_await end_cut(exchange, attempt, status);
    co_return;
  }
  attempt.record().error = ErrorKind::client_closed;
}

}  // namespace

net::Task<> relay(Exchange& exchange, Attempt& attempt) {
  const wire::ResponseHead& upstream = attempt.call().head();
  wire::HeadWriter head = exchange.response().start(upstream.status);
  write_answer_head(exchange, head, &attempt);
  for (const wire::Field& field : upstream.fields)
    if (field.traits.response == wire::Passage::pass) head.copy(field);
  attempt.target().backend->gauge->observe_first_byte(attempt.call().first_byte_at() - attempt.started(),
                                                        exchange.now());
  if (attempt.request().head->method == "HEAD") {
    std::optional<std::uint64_t> length;
    if (upstream.find(wire::FieldId::content_length) != nullptr) length = upstream.content_length;
    co_await exchange.response().send_head(length);
    attempt.call().finish();
    co_return;
  }
  if (attempt.is_stream()) {
    exchange.request().release();
    co_await relay_stream(exchange, attempt);
  } else {
    co_await relay_body(exchange, attempt);
  }
  base::Usage& usage = attempt.record().usage;
  if (usage.source == base::UsageSource::none && !attempt.is_stream() && attempt.request().route->metered &&
      attempt.request().body_kind == BodyKind::json)
    usage.source = base::UsageSource::estimated;
  estimate_input(attempt.request(), usage);
}

net::Task<> relay_last_answer(Exchange& exchange, const LastAnswer& answer, std::optional<base::Duration> retry_after) {
  wire::HeadWriter head = exchange.response().start(answer.status);
  write_answer_head(exchange, head, nullptr);
  if (!answer.content_type.empty()) head.field("content-type", answer.content_type);
  if (retry_after) dialect::write_retry_after(head, *retry_after);
  // We have tried what there was to try. A 429 that says when may be repeated then.
  if (answer.status >= 500 || (answer.status == 429 && !retry_after)) head.field("x-should-retry", "false");
  co_await exchange.response().send(answer.body);
}

net::Task<> reply_error(Exchange& exchange, const dialect::RouteRow& route, const base::Error& error) {
  exchange.end_with(error.kind);
  if (base::row_of(error.kind).status < 500 || error.kind == ErrorKind::overloaded)
    exchange.context().metrics.count_bad_request(error.kind);
  std::string body;
  wire::HeadWriter head = exchange.response().start(dialect::status_of(route.dialect, error.kind));
  write_answer_head(exchange, head, nullptr);
  dialect::write_error(route.dialect, error, exchange.id(), head, body);
  co_await exchange.response().send(body);
}

}  // namespace headworks::gateway
