#include "gateway/forward_endpoint.hpp"

#include "gateway/attempt.hpp"
#include "gateway/authenticate.hpp"
#include "gateway/client_request.hpp"
#include "gateway/exchange.hpp"
#include "gateway/relay.hpp"
#include "routing/attempt_plan.hpp"

namespace headworks::gateway {
namespace {

using base::ErrorKind;
using base::fail;
using base::Result;

gauges::Charge charge_of(const dialect::RouteRow& route) {
  return route.metered ? gauges::Charge::start : gauges::Charge::nothing;
}

// Who asks, and may they: fills in the exchange's client key.
Result<void> admit_client(Exchange& exchange, const dialect::RouteRow& route, const wire::RequestHead& head) {
  const auto key =
      authenticate(head, exchange.snapshot(), exchange.context().key_hasher, exchange.context().loop.wall());
  if (!key) return key.error();
  Result<gauges::Reservation> reservation = admit(**key, exchange.now(), charge_of(route));
  exchange.set_client_key(**key, reservation ? std::move(*reservation) : gauges::Reservation{});
  if (!reservation) return reservation.error();
  return {};
}

// What for: the backends that can serve it.
Result<std::shared_ptr<const ModelRoute>> find_route(Exchange& exchange, const ClientRequest& request) {
  const std::string& model = request.envelope.model;
  if (!model.empty() && !exchange.client_key()->allows(model)) {
    base::Error error = fail(ErrorKind::model_not_allowed, "this API key may not use the model " + model.substr(0, 64));
    error.param = "model";
    return error;
  }
  auto route = exchange.context().routes.find(api_of(request.route->dialect), model);
  if (route != nullptr) return route;
  if (model.empty()) return fail(ErrorKind::no_backend, "no backend of this dialect is configured");
  base::Error error = fail(ErrorKind::model_not_found, "no backend serves the model " + model.substr(0, 64) +
                                                           "; GET /v1/models lists those that are served");
  error.param = "model";
  return error;
}

// A 429 cools its backend at once, for all loops; the store hears of it so that a restart remembers.
void cool_backend(Exchange& exchange, const catalog::Target& target, const routing::UpstreamFailure& failure) {
  if (routing::row_of(failure.failure).cools == routing::Cools::nothing) return;
  LoopContext& context = exchange.context();
  gauges::BackendGauge& gauge = *target.backend->gauge;
  const std::uint32_t consecutive = gauge.count_429();
  const routing::Cooldown cooldown = routing::cooldown_after_429(exchange.snapshot().settings().cooldown, consecutive,
                                                                 failure.retry_hint, context.loop.random());
  if (!gauge.cool(exchange.now() + cooldown.duration)) return;
  context.cooldowns.on_cooldown({.backend_id = target.backend->row.id,
                                 .backend = target.backend->row.name,
                                 .cooldown = cooldown,
                                 .started = context.loop.wall(),
                                 .consecutive = consecutive,
                                 .request_id = std::string(exchange.id())});
}

void note_success(Exchange& exchange, const catalog::Target& target) {
  if (target.backend->gauge->succeed()) exchange.context().cooldowns.on_recovered(target.backend->row.id);
}

// Obeys the plan until an answer was sent.
net::Task<> follow_plan(Exchange& exchange, const ClientRequest& request, const ModelRoute& route) {
  const catalog::Settings& settings = exchange.snapshot().settings();
  const auto total = std::chrono::duration<double>(settings.timeouts.total_seconds);
  const routing::PlanLimits limits{.deadline = exchange.started() + std::chrono::duration_cast<base::Duration>(total),
                                   .charge = charge_of(*request.route)};
  routing::AttemptPlan plan(route.state, settings, exchange.context().loop.random(), limits);
  LastAnswer last;
  routing::Step step = plan.start(exchange.now());
  for (;;) {
    if (auto* stop = std::get_if<routing::Stop>(&step)) {
      if (stop->relay_last_answer) {
        exchange.end_with(stop->error.kind);
        co_await relay_last_answer(exchange, last, stop->error.retry_after);
      } else {
        co_await reply_error(exchange, *request.route, stop->error);
      }
      co_return;
    }
    if (const auto* wait = std::get_if<routing::Wait>(&step)) {
      net::Sleep sleep(exchange.context().loop, exchange.now() + wait->duration);
      exchange.record().queue_wait += wait->duration;
      exchange.wait_on(&sleep);
      co_await sleep;
      exchange.wait_on(static_cast<net::Sleep*>(nullptr));
      if (exchange.client_left()) co_return;
      step = plan.on_waited(exchange.now());
      continue;
    }
    routing::UpstreamFailure failure;
    {
      Attempt attempt(exchange, request, std::move(std::get<routing::Try>(step)));
      const Attempt::End end = co_await attempt.run();
      if (end == Attempt::End::client_left) co_return;
      if (end == Attempt::End::committed) {
        note_success(exchange, attempt.target());
        co_await relay(exchange, attempt);
        co_return;
      }
      failure = attempt.failure();
      last = std::move(attempt.last_answer());
      cool_backend(exchange, attempt.target(), failure);
    }
    step = plan.on_failure(failure, exchange.now());
  }
}

}  // namespace

net::Task<> forward(LoopContext& context, const dialect::RouteRow& route, net::Request& request,
                    net::ResponseWriter& response) {
  Exchange exchange(context, request, response, route.name);
  const wire::RequestHead& head = request.head();
  if (const Result<void> admitted = admit_client(exchange, route, head); !admitted) {
    co_await reply_error(exchange, route, admitted.error());
    co_return;
  }
  const Result<BodyKind> kind = judge_body(head, route);
  if (!kind) {
    co_await reply_error(exchange, route, kind.error());
    co_return;
  }
  const catalog::Settings::Limits& limits = exchange.snapshot().settings().limits;
  const Result<std::string_view> body = co_await request.read_body(limits.body_bytes);
  if (!body) {
    exchange.end_with(body.error().kind);
    if (body.error().kind != ErrorKind::client_closed) co_await reply_error(exchange, route, body.error());
    co_return;
  }
  ClientRequest asked{.head = &head, .route = &route, .body = *body, .body_kind = *kind, .envelope = {}};
  exchange.record().bytes_in = body->size();
  if (const Result<void> read = read_envelope(asked, context.json, limits.json_depth); !read) {
    co_await reply_error(exchange, route, read.error());
    co_return;
  }
  exchange.record().stream = asked.wants_stream();
  const Result<std::shared_ptr<const ModelRoute>> found = find_route(exchange, asked);
  if (!found) {
    co_await reply_error(exchange, route, found.error());
    co_return;
  }
  exchange.set_route(*found);
  co_await follow_plan(exchange, asked, **found);
}

}  // namespace headworks::gateway
