#include "gateway/hook_calls.hpp"

#include <algorithm>
#include <array>

#include "gateway/exchange.hpp"
#include "routing/cooldown_rule.hpp"
#include "routing/explanation.hpp"
#include "wire/char_class.hpp"

namespace headworks::gateway {
namespace {

using base::ErrorKind;
using base::fail;
using base::Result;
using hooks::Answer;
using hooks::HookPoint;

double seconds(base::Duration duration) { return std::chrono::duration<double>(duration).count(); }

std::string lower_case(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(), wire::lower);
  return lower;
}

// Credentials and cookies are nobody's business; what concerns only this connection is of no use.
bool is_shown(const wire::Field& field) { return field.traits.request == wire::Passage::pass; }

std::shared_ptr<const hooks::RequestView> view_of(const Exchange& exchange, const ClientRequest& request,
                                                  bool with_body) {
  auto view = std::make_shared<hooks::RequestView>();
  view->id = exchange.id();
  view->route = request.route->name;
  view->model = request.model();
  view->stream = request.wants_stream();
  view->client_key = exchange.client_key()->row.name;
  view->client_key_id = exchange.client_key()->row.id;
  view->max_tokens = request.envelope.max_tokens;
  view->body_bytes = request.body.size();
  view->headers.reserve(request.head->fields.size());
  for (const wire::Field& field : request.head->fields)
    if (is_shown(field)) view->headers.emplace_back(lower_case(field.name), std::string(field.value));
  view->seconds_left = seconds(exchange.deadline() - exchange.now());
  if (with_body) view->body = std::string(request.body);
  return view;
}

void prepare(Exchange& exchange, const ClientRequest& request) {
  HookPart& part = *exchange.hooks();
  if (part.request == nullptr) part.request = view_of(exchange, request, part.set->wants_body());
}

void note(Exchange& exchange, const hooks::Hook& hook, std::string_view what) {
  telemetry::ExchangeRecord& record = exchange.record();
  record.plan.push_back({.kind = telemetry::PlanStep::Kind::hook,
                         .attempts_before = static_cast<std::uint8_t>(record.attempts.size()),
                         .backend = hook.row().name,
                         .why = what});
}

// Between the loop that waits and the worker that answers; the loop's own but for what the delivery brings.
struct Asked {
  std::optional<Answer> answer;
  net::Sleep* sleep = nullptr;  // null: nobody waits any more
};

std::shared_ptr<hooks::Question> make_question(Exchange& exchange, const std::shared_ptr<Asked>& asked) {
  net::EventLoop* loop = &exchange.context().loop;
  auto question = std::make_shared<hooks::Question>([loop, asked](Answer&& answer) {
    auto held = std::make_shared<Answer>(std::move(answer));
    loop->post([asked, held] {
      if (asked->sleep == nullptr) return;  // too late
      asked->answer = std::move(*held);
      asked->sleep->interrupt();
    });
  });
  question->request = exchange.hooks()->request;
  return question;
}

// `fill` writes what the point's questions hold besides the request. Nothing is made for a hook whose breaker is open.
template <class Fill>
net::Task<Answer> ask(Exchange& exchange, const ClientRequest& request, hooks::Hook& hook, Fill fill) {
  net::EventLoop& loop = exchange.context().loop;
  if (!hook.may_ask(loop.now())) {
    hooks::Failure open{.reason = "breaker"};
    hook.fail(open, loop.now());
    co_return Answer(std::move(open));
  }
  const auto asked = std::make_shared<Asked>();
  prepare(exchange, request);
  const std::shared_ptr<hooks::Question> question = make_question(exchange, asked);
  fill(*question);
  if (auto refused = hook.ask(question, loop.now())) {
    hook.fail(*refused, loop.now());
    co_return Answer(*std::move(refused));
  }
  net::Sleep sleep(loop, std::min(loop.now() + hook.row().timeout, exchange.deadline()));
  asked->sleep = &sleep;
  exchange.wait_on(&sleep);
  co_await sleep;
  exchange.wait_on(static_cast<net::Sleep*>(nullptr));
  asked->sleep = nullptr;
  if (asked->answer) co_return std::move(*asked->answer);
  const bool unanswered = question->give_up();
  if (exchange.client_left()) co_return Answer(hooks::Pass{});
  hooks::Failure late{.reason = "late"};
  if (unanswered) hook.fail(late, loop.now());
  co_return Answer(std::move(late));
}

// What a failure means for the exchange: an error, or nothing.
Result<void> on_failure(Exchange& exchange, const hooks::Hook& hook, const hooks::Failure& failure) {
  note(exchange, hook, failure.reason);
  if (hook.row().on_error == hooks::OnError::ignore) return {};
  return fail(ErrorKind::hook_failed, "a plug-in that decides about this request has not answered",
              hook.row().name + ": " + std::string(failure.reason));
}

base::Error error_of(const hooks::Rejection& rejection) {
  struct Row {
    std::uint16_t status;
    ErrorKind kind;
  };
  static constexpr std::array kRows = {
      Row{400, ErrorKind::bad_request},      Row{401, ErrorKind::invalid_api_key},
      Row{402, ErrorKind::insufficient_quota}, Row{404, ErrorKind::model_not_found},
      Row{413, ErrorKind::body_too_large},   Row{429, ErrorKind::key_rate_limited},
      Row{503, ErrorKind::overloaded}};
  base::Error error = fail(ErrorKind::rejected, rejection.message.empty() ? "this request was refused" : rejection.message);
  for (const Row& row : kRows)
    if (row.status == rejection.status) error.kind = row.kind;
  if (rejection.retry_after) error.retry_after = *rejection.retry_after;
  else if (error.kind == ErrorKind::key_rate_limited) error.retry_after = std::chrono::seconds{1};
  return error;
}

// The answers that mean the same at every point.
Result<void> settle(Exchange& exchange, hooks::Hook& hook, const Answer& answer) {
  if (const auto* failure = std::get_if<hooks::Failure>(&answer)) return on_failure(exchange, hook, *failure);
  if (const auto* rejection = std::get_if<hooks::Rejection>(&answer)) {
    note(exchange, hook, "rejected");
    return error_of(*rejection);
  }
  return {};
}

void apply(Exchange& exchange, ClientRequest& request, const hooks::Hook& hook, const hooks::Changes& changes) {
  HookPart& part = *exchange.hooks();
  auto view = std::make_shared<hooks::RequestView>(*part.request);
  if (changes.model && *changes.model != request.model()) {
    request.model_instead = *changes.model;
    view->model = *changes.model;
    note(exchange, hook, "model");
  }
  for (const auto& [name, value] : changes.tags) view->tags[name] = value;
  if (changes.timeout) {
    exchange.set_deadline(std::min(exchange.deadline(), exchange.started() + *changes.timeout));
    view->seconds_left = seconds(exchange.deadline() - exchange.now());
    note(exchange, hook, "timeout");
  }
  for (const hooks::HeaderChange& change : changes.headers) {
    std::erase_if(part.headers, [&](const hooks::HeaderChange& before) { return before.name == change.name; });
    std::erase_if(view->headers, [&](const auto& header) { return header.first == change.name; });
    if (change.value) view->headers.emplace_back(change.name, *change.value);
    part.headers.push_back(change);
  }
  if (!changes.headers.empty()) note(exchange, hook, "headers");
  part.request = std::move(view);
}

// Read on the worker's thread: gauges are atomics, the route is immutable.
class RouteCandidates final : public hooks::CandidateSource {
 public:
  RouteCandidates(std::shared_ptr<const ModelRoute> route, routing::Asking asking, std::uint64_t seed)
      : route_(std::move(route)), asking_(std::move(asking)), seed_(seed) {}

  std::vector<hooks::CandidateView> read() const override {
    base::Random random(seed_);
    std::vector<hooks::CandidateView> views;
    const routing::Explanation explained = routing::explain(route_->state, asking_, random);
    for (const routing::TierView& tier : explained.tiers)
      for (const routing::Prospect& prospect : tier.prospects) views.push_back(view_of(*tier.pool, prospect));
    return views;
  }

 private:
  hooks::CandidateView view_of(const catalog::Pool& pool, const routing::Prospect& prospect) const {
    const catalog::Target& target = *prospect.target;
    const catalog::Backend& row = target.backend->row;
    const gauges::BackendGauge& gauge = *target.backend->gauge;
    hooks::CandidateView view{.backend = row.name,
                              .pool = pool.name,
                              .model = target.model.empty() ? route_->model : target.model,
                              .score = prospect.score,
                              .rpm_limit = row.rpm_limit,
                              .in_flight = gauge.in_flight(),
                              .max_in_flight = row.max_in_flight,
                              .context_tokens = target.context_tokens,
                              .weight = row.weight,
                              .metadata_json = row.metadata_json};
    if (prospect.out) view.out = std::string(routing::name_of(*prospect.out));
    if (prospect.ready_at) view.ready_in = std::max(0.0, seconds(*prospect.ready_at - asking_.now));
    if (row.rpm_limit != 0) view.starts_left = gauge.bucket().level(asking_.now);
    if (const auto expected = gauge.expected_first_byte(asking_.now); expected > base::Duration::zero())
      view.first_byte_ms = seconds(expected) * 1000;
    if (target.price != nullptr) view.input_price = target.price->input, view.output_price = target.price->output;
    return view;
  }

  const std::shared_ptr<const ModelRoute> route_;
  const routing::Asking asking_;
  const std::uint64_t seed_;
};

// The same targets, those named, in that order: neighbours of one pool stay together as one tier.
Result<catalog::Route> order_route(const ModelRoute& route, const std::vector<std::string>& names) {
  catalog::Route ordered;
  std::vector<const catalog::Target*> taken;
  for (const std::string& name : names) {
    const catalog::Target* found = nullptr;
    const catalog::Tier* home = nullptr;
    for (const routing::RouteState::Tier& tier : route.state.tiers())
      for (const catalog::Target& target : tier.row->targets)
        if (target.backend->row.name == name) found = &target, home = tier.row;
    if (found == nullptr) return fail(ErrorKind::bad_request, "no candidate is named " + name.substr(0, 64));
    if (std::find(taken.begin(), taken.end(), found) != taken.end())
      return fail(ErrorKind::bad_request, name.substr(0, 64) + " is named twice");
    taken.push_back(found);
    if (ordered.tiers.empty() || ordered.tiers.back().pool != home->pool)
      ordered.tiers.push_back({.pool = home->pool, .retries = home->retries, .targets = {}});
    ordered.tiers.back().targets.push_back(*found);
  }
  return ordered;
}

routing::Asking asking_of(Exchange& exchange, const routing::PlanLimits& limits) {
  const routing::AttemptPlan plan(exchange.route().state, exchange.snapshot().settings(),
                                  exchange.context().loop.random(), limits);
  routing::Asking asking = plan.asking();
  asking.now = exchange.now();
  return asking;
}

}  // namespace

const hooks::HeaderChange* HookPart::find_header(std::string_view name) const {
  for (const hooks::HeaderChange& change : headers)
    if (wire::same_name(change.name, name)) return &change;
  return nullptr;
}

net::Task<Result<void>> ask_admit(Exchange& exchange, ClientRequest& request) {
  const std::shared_ptr<const hooks::HookSet> set = exchange.hooks()->set;
  for (const auto& hook : set->at(HookPoint::admit)) {
    auto asking = ask(exchange, request, *hook, [](hooks::Question&) {});
    const Answer answer = co_await asking;
    if (exchange.client_left()) break;
    const Result<void> settled = settle(exchange, *hook, answer);
    if (!settled) co_return settled.error();
    if (const auto* changes = std::get_if<hooks::Changes>(&answer)) apply(exchange, request, *hook, *changes);
  }
  co_return Result<void>();
}

net::Task<Result<void>> ask_route(Exchange& exchange, const ClientRequest& request, const routing::PlanLimits& limits) {
  const std::shared_ptr<const hooks::HookSet> set = exchange.hooks()->set;
  for (const auto& hook : set->at(HookPoint::route)) {
    auto asking = ask(exchange, request, *hook, [&](hooks::Question& question) {
      question.candidates = std::make_shared<const RouteCandidates>(
          exchange.shared_route(), asking_of(exchange, limits), exchange.context().loop.random().next());
    });
    const Answer answer = co_await asking;
    if (exchange.client_left()) break;
    const Result<void> settled = settle(exchange, *hook, answer);
    if (!settled) co_return settled.error();
    const auto* order = std::get_if<hooks::Order>(&answer);
    if (order == nullptr) continue;
    Result<catalog::Route> ordered = order_route(exchange.route(), order->backends);
    if (ordered) {
      exchange.set_route(std::make_shared<const ModelRoute>(exchange.route(), *std::move(ordered)));
      note(exchange, *hook, "ordered");
      continue;
    }
    const hooks::Failure rubbish{.reason = "rubbish", .detail = ordered.error().message};
    hook->fail(rubbish, exchange.now());
    const Result<void> borne = on_failure(exchange, *hook, rubbish);
    if (!borne) co_return borne.error();
  }
  co_return Result<void>();
}

net::Task<Result<routing::Advice>> ask_failed(Exchange& exchange, const ClientRequest& request,
                                              const catalog::Target& target, const routing::UpstreamFailure& failure) {
  const std::shared_ptr<const hooks::HookSet> set = exchange.hooks()->set;
  routing::Advice advice = routing::Advice::none;
  for (const auto& hook : set->at(HookPoint::failed)) {
    auto asking = ask(exchange, request, *hook, [&](hooks::Question& question) {
      const telemetry::AttemptRecord& attempt = exchange.record().attempts.back();
      question.attempt = hooks::AttemptView{.number = static_cast<std::uint32_t>(exchange.record().attempts.size()),
                                            .backend = std::string(attempt.backend),
                                            .pool = std::string(attempt.pool),
                                            .model = std::string(attempt.model_sent),
                                            .status = attempt.status,
                                            .failure = std::string(routing::name_of(failure.failure)),
                                            .seconds = seconds(attempt.total)};
    });
    const Answer answer = co_await asking;
    if (exchange.client_left()) break;
    const Result<void> settled = settle(exchange, *hook, answer);
    if (!settled) co_return settled.error();
    if (const auto* cool = std::get_if<hooks::Cool>(&answer)) {
      note(exchange, *hook, "cooled");
      exchange.keep_cooldown(*target.backend, routing::cool_by_hook(target, cool->duration, exchange.now()), {});
    }
    if (advice != routing::Advice::none) continue;  // the first opinion counts
    if (std::holds_alternative<hooks::Stop>(answer)) advice = routing::Advice::stop;
    if (std::holds_alternative<hooks::Retry>(answer)) advice = routing::Advice::retry;
    if (advice != routing::Advice::none) note(exchange, *hook, advice == routing::Advice::stop ? "stop" : "retry");
  }
  co_return advice;
}

}  // namespace headworks::gateway
