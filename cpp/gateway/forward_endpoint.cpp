#include "gateway/forward_endpoint.hpp"

#include "gateway/attempt.hpp"
#include "gateway/authenticate.hpp"
#include "gateway/client_request.hpp"
#include "gateway/exchange.hpp"
#include "gateway/hook_calls.hpp"
#include "gateway/request_limits.hpp"
#include "gateway/relay.hpp"
#include "routing/attempt_plan.hpp"
#include "routing/cooldown_rule.hpp"

namespace headworks::gateway {
namespace {

using base::ErrorKind;
using base::fail;
using base::Result;


// Said where something would be taken or sent that only the process which took over may.
base::Error handed_over() {
  base::Error error = fail(ErrorKind::draining, "another process of this gateway serves from now on; send the request again");
  error.retry_after = std::chrono::milliseconds{100};
  return error;
}

// Who asks, and may they: fills in the exchange's client key.
Result<void> admit_client(Exchange& exchange, const dialect::RouteRow& route, const wire::RequestHead& head) {
  if (exchange.context().closed) return handed_over();
  const auto key =
      authenticate(head, exchange.snapshot(), exchange.context().key_hasher, exchange.context().loop.wall());
  if (!key) return key.error();
  Result<gauges::Reservation> reservation = admit(**key, exchange.now(), charge_of(route));
  exchange.set_client_key(**key, reservation ? std::move(*reservation) : gauges::Reservation{});
  if (!reservation) return reservation.error();
  return {};
}

bool allows_model(Exchange& exchange, const ClientRequest& request) {
  return request.model().empty() || exchange.client_key()->allows(request.model());
}

// What for: the backends that can serve it.
Result<std::shared_ptr<const ModelRoute>> find_route(Exchange& exchange, const ClientRequest& request) {
  const std::string& model = request.model();
  if (!request.may_have_instead && !allows_model(exchange, request)) {
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

// What a failure cools, cools at once for all loops.
void note_failure(Exchange& exchange, Attempt& attempt) {
  const catalog::Target& target = attempt.target();
  const auto cooldown =
      routing::note_failure(target, attempt.passage(), attempt.failure(), exchange.snapshot().backends(),
                            exchange.snapshot().settings().cooldown, exchange.context().loop.random(), exchange.now());
  telemetry::ExchangeRecord& record = exchange.record();
  telemetry::PlanStep failed{.kind = telemetry::PlanStep::Kind::failed,
                             .attempts_before = static_cast<std::uint8_t>(record.attempts.size()),
                             .why = routing::name_of(attempt.failure().failure)};
  if (cooldown) {
    failed.lasted = cooldown->duration;
    failed.cooled_scope = routing::name_of(cooldown->scope);
    failed.cooled_source = routing::name_of(cooldown->source);
  }
  record.plan.push_back(failed);
  if (!cooldown) return;
  const bool one_model = cooldown->scope == routing::CooldownScope::model;
  exchange.keep_cooldown(*target.backend, *cooldown, one_model ? attempt.record().model_sent : std::string_view());
}

void note_success(Exchange& exchange, Attempt& attempt) {
  const catalog::Target& target = attempt.target();
  const routing::Recovered recovered = routing::note_success(target, exchange.now());
  CooldownKeeper& keeper = exchange.context().cooldowns;
  if (recovered.backend) keeper.on_recovered(target.backend->row.id, std::nullopt);
  if (recovered.model) keeper.on_recovered(target.backend->row.id, std::string(attempt.record().model_sent));
  if (recovered.backend || recovered.model) exchange.context().waiting_room->poke();
}

// The end of a plan: its error, or the upstream's own.
net::Task<> reply_stop(Exchange& exchange, const ClientRequest& request, const routing::Stop& stop, LastAnswer& last) {
  if (stop.relay_last_answer) {
    exchange.end_with(stop.error.kind);
    co_await relay_last_answer(exchange, last, stop.error.retry_after);
  } else {
    co_await reply_error(exchange, *request.route, stop.error);
  }
}

// Waits for what the plan waits for, and tells it. Not to be gone on with when the client left meanwhile.
net::Task<routing::Step> wait_for(Exchange& exchange, const ClientRequest& request, routing::AttemptPlan& plan,
                                  const ModelRoute& route, routing::Wait wait) {
  LoopContext& context = exchange.context();
  const base::TimePoint began = exchange.now();
  if (wait.reason == routing::WaitReason::backoff) {
    net::Sleep sleep(context.loop, began + wait.duration);
    exchange.wait_on(&sleep);
    co_await sleep;
    exchange.wait_on(static_cast<net::Sleep*>(nullptr));
    exchange.record().queue_wait += exchange.now() - began;
    co_return plan.on_waited(exchange.now());
  }
  const catalog::ClientKey& key = exchange.client_key()->row;
  routing::WaitingLine::Request asked{.key = std::hash<std::string_view>{}(key.id),
                                      .identity = std::hash<std::string_view>{}(request.body),
                                      .weight = key.weight,
                                      .lane = route.lane,
                                      .route = &route.state,
                                      .keep = exchange.shared_route(),
                                      .asking = plan.asking(),
                                      .excluded = plan.excluded()};
  WaitingRoom::Turn turn(*context.waiting_room, context.loop, std::move(asked));
  exchange.wait_on(&turn);
  co_await turn;
  exchange.wait_on(static_cast<WaitingRoom::Turn*>(nullptr));
  exchange.record().queue_wait += exchange.now() - began;
  routing::WaitingLine::Answer& answer = turn.answer();
  if (answer.found) co_return plan.on_turn(std::move(*answer.found), exchange.now());
  co_return plan.on_refused(answer.ready, answer.full, exchange.now());
}

// However a plan ends, the record says what it did.
struct PlanNote {
  Exchange& exchange;
  const routing::AttemptPlan& plan;
  ~PlanNote() { exchange.note_plan(plan); }
};

bool listens(Exchange& exchange, hooks::HookPoint point) {
  return exchange.hooks() != nullptr && exchange.hooks()->listens(point);
}

// Obeys the plan until an answer was sent.
net::Task<> follow_plan(Exchange& exchange, const ClientRequest& request, const ModelRoute& route,
                        const routing::PlanLimits& limits) {
  routing::AttemptPlan plan(route.state, exchange.snapshot().settings(), exchange.context().loop.random(), limits);
  const PlanNote note{.exchange = exchange, .plan = plan};
  LastAnswer last;
  routing::Step step = plan.start(exchange.now());
  for (;;) {
    if (const auto* stop = std::get_if<routing::Stop>(&step)) {
      co_await reply_stop(exchange, request, *stop, last);
      co_return;
    }
    if (const auto* wait = std::get_if<routing::Wait>(&step)) {
      routing::Step next = co_await wait_for(exchange, request, plan, route, *wait);
      step = std::move(next);
      if (exchange.client_left()) co_return;
      if (!exchange.context().closed) continue;
    }
    if (exchange.context().closed) {
      const base::Error error = handed_over();
      co_await reply_error(exchange, *request.route, error);
      co_return;
    }
    routing::UpstreamFailure failure;
    const catalog::Target* asked = std::get<routing::Try>(step).target;
    {
      Attempt attempt(exchange, request, std::move(std::get<routing::Try>(step)));
      const Attempt::End end = co_await attempt.run();
      if (end == Attempt::End::client_left) co_return;
      if (end == Attempt::End::committed) {
        note_success(exchange, attempt);
        plan.on_success();
        co_await relay(exchange, attempt);
        co_return;
      }
      failure = attempt.failure();
      last = std::move(attempt.last_answer());
      note_failure(exchange, attempt);
    }
    routing::Advice advice = routing::Advice::none;
    if (listens(exchange, hooks::HookPoint::failed)) {
      auto asking = ask_failed(exchange, request, *asked, failure);
      const Result<routing::Advice> advised = co_await asking;
      if (exchange.client_left()) co_return;
      if (!advised) {
        co_await reply_error(exchange, *request.route, advised.error());
        co_return;
      }
      advice = *advised;
    }
    step = plan.on_failure(failure, exchange.now(), advice);
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
  if (listens(exchange, hooks::HookPoint::admit)) {
    const bool allowed = allows_model(exchange, asked);
    auto asking = ask_admit(exchange, asked);
    const Result<void> admitted = co_await asking;
    if (exchange.client_left()) co_return;
    if (!admitted) {
      co_await reply_error(exchange, route, admitted.error());
      co_return;
    }
    asked.may_have_instead = allowed && !asked.model_instead.empty();
  }
  const Result<std::shared_ptr<const ModelRoute>> found = find_route(exchange, asked);
  if (!found) {
    co_await reply_error(exchange, route, found.error());
    co_return;
  }
  exchange.set_route(*found);
  const routing::PlanLimits plan_limits = read_limits(exchange, asked, **found);
  const Result<void> held = context.closed ? Result<void>(handed_over()) : hold_key_limits(exchange, asked, **found, plan_limits);
  if (!held) {
    co_await reply_error(exchange, route, held.error());
    co_return;
  }
  if (listens(exchange, hooks::HookPoint::route)) {
    auto asking = ask_route(exchange, asked, plan_limits);
    const Result<void> routed = co_await asking;
    if (exchange.client_left()) co_return;
    if (!routed) {
      co_await reply_error(exchange, route, routed.error());
      co_return;
    }
  }
  co_await follow_plan(exchange, asked, exchange.route(), plan_limits);
}

}  // namespace headworks::gateway
