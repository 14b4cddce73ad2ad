#include "simulation/simulator.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <queue>
#include <unordered_map>

#include "routing/cooldown_rule.hpp"
#include "routing/waiting_line.hpp"
#include "upstream/rate_limiter.hpp"

namespace headworks::simulation {
namespace {

using base::Duration;
using base::TimePoint;
using routing::FailureClass;
using What = Happening::What;

constexpr TimePoint kBeginning{std::chrono::hours{1}};

Duration of_seconds(double seconds) {
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds));
}

// What an upstream call will come to, decided when it begins.
struct Outcome {
  Duration takes{};
  std::optional<routing::UpstreamFailure> failure;
};

// A client's request while it runs.
struct Request {
  std::uint64_t number = 0;
  std::uint64_t first_number = 0;  // of the same request when it came first
  std::uint32_t key = 0;
  bool came_back = false;
  std::unique_ptr<routing::AttemptPlan> plan;
  std::optional<routing::Try> running;
  Outcome outcome;
};

enum class Kind : std::uint8_t { arrive, come_back, end_attempt, end_backoff, advance_line };
struct Event {
  TimePoint at;
  std::uint64_t order;  // of making: what is due at the same instant happens in this order
  Kind kind;
  std::uint64_t request;  // come_back: its first number
  std::uint32_t key;
  bool operator>(const Event& other) const {
    return at != other.at ? at > other.at : order > other.order;
  }
};

}  // namespace

std::string_view name_of(What what) {
  static constexpr std::array<std::string_view, 8> kNames = {"arrived", "tried", "succeeded", "failed",
                                                             "cooled",  "waits", "refused",   "gave_up"};
  return kNames[static_cast<std::size_t>(what)];
}

struct Simulator::Parts {
  explicit Parts(Scenario given) : scenario(std::move(given)), random(scenario.seed), upstreams(scenario.seed ^ 0x5eed) {}

  Totals run();
  void arrive(std::uint32_t key, std::uint64_t first_number);
  void obey(Request& request, routing::Step step);
  void begin(Request& request, routing::Try&& attempt);
  Outcome outcome_at(std::uint32_t backend, TimePoint start);
  void end_attempt(std::uint64_t number);
  void stop(Request& request, const routing::Stop& stop);
  void after_line();
  void push(TimePoint at, Kind kind, std::uint64_t request = 0, std::uint32_t key = 0);
  void tell(What what, const Request& request, std::int32_t backend = -1, const Happening& more = {});

  Scenario scenario;
  base::Random random;     // of the machines
  base::Random upstreams;  // of the modelled world
  std::shared_ptr<const catalog::Snapshot> snapshot;
  std::unique_ptr<routing::RouteState> route;
  std::vector<upstream::RateLimiter> limits;  // by backend
  std::vector<upstream::RateLimiter> address_limits;
  std::function<void(const Happening&)> observer;

  std::priority_queue<Event, std::vector<Event>, std::greater<>> events;
  std::unordered_map<std::uint64_t, Request> requests;
  std::unique_ptr<routing::WaitingLine> line;
  std::vector<routing::WaitingLine::Answer> answers;
  std::optional<TimePoint> line_wake;
  TimePoint now = kBeginning;
  std::uint64_t last_request = 0, last_order = 0;
  Totals totals;
};

base::Result<std::unique_ptr<Simulator>> Simulator::make(Scenario scenario) {
  auto parts = std::make_unique<Parts>(std::move(scenario));
  catalog::Rows rows;
  rows.settings = parts->scenario.settings;
  rows.pools = parts->scenario.pools;
  for (std::size_t index = 0; index < parts->scenario.backends.size(); ++index) {
    const BackendModel& model = parts->scenario.backends[index];
    catalog::Backend row = model.row.copy();
    row.id = "bkd_" + std::to_string(index);
    if (row.name.empty()) row.name = row.id;
    const std::string host = model.address != 0 ? "a" + std::to_string(model.address) : "b" + std::to_string(index);
    row.api_base_url = "http://" + host + ".example/v1";
    rows.backends.push_back(std::move(row));
    parts->limits.emplace_back(model.upstream.limit);
  }
  for (const AddressLimit& limit : parts->scenario.address_limits) parts->address_limits.emplace_back(limit.limit);
  auto snapshot = catalog::Snapshot::build(std::move(rows), nullptr);
  if (!snapshot) return snapshot.error();
  parts->snapshot = *snapshot;
  parts->route = std::make_unique<routing::RouteState>(parts->snapshot->make_route(catalog::Api::openai, parts->scenario.workload.model));
  parts->line = std::make_unique<routing::WaitingLine>(
      parts->random, [into = parts.get()](routing::WaitingLine::Answer&& answer) { into->answers.push_back(std::move(answer)); });
  const catalog::Settings::Queue& queue = parts->scenario.settings.queue;
  parts->line->set_limits({.max_wait = of_seconds(queue.max_wait_seconds), .max_depth = queue.max_depth});
  return std::unique_ptr<Simulator>(new Simulator(std::move(parts)));
}

void Simulator::Parts::push(TimePoint at, Kind kind, std::uint64_t request, std::uint32_t key) {
  events.push({.at = at, .order = ++last_order, .kind = kind, .request = request, .key = key});
}

void Simulator::Parts::tell(What what, const Request& request, std::int32_t backend, const Happening& more) {
  if (!observer) return;
  Happening happening = more;
  happening.at = now - kBeginning;
  happening.request = request.number;
  happening.what = what;
  happening.key = request.key;
  happening.backend = backend;
  happening.came_back = request.came_back;
  observer(happening);
}

Totals Simulator::Parts::run() {
  const Workload& work = scenario.workload;
  const double mean = 60 / std::max(work.per_minute, 1e-9);
  push(now, Kind::arrive);
  while (!events.empty()) {
    const Event event = events.top();
    events.pop();
    now = event.at;
    switch (event.kind) {
      case Kind::arrive: {
        const Duration gap = of_seconds(work.evenly ? mean : -mean * std::log(1 - upstreams.unit()));
        if (now + gap < kBeginning + work.length) push(now + gap, Kind::arrive);
        arrive(static_cast<std::uint32_t>(upstreams.below(std::max(work.keys, 1U))), 0);
        break;
      }
      case Kind::come_back: arrive(event.key, event.request); break;
      case Kind::end_attempt: end_attempt(event.request); break;
      case Kind::end_backoff: {
        Request& request = requests.at(event.request);
        obey(request, request.plan->on_waited(now));
        break;
      }
      case Kind::advance_line:
        if (line_wake && *line_wake <= now) line_wake.reset();
        line->advance(now);
        after_line();
        break;
    }
  }
  totals.length = now - kBeginning;
  return totals;
}

// `first_number` 0: it comes for the first time.
void Simulator::Parts::arrive(std::uint32_t key, std::uint64_t first_number) {
  const bool came_back = first_number != 0;
  const std::uint64_t number = ++last_request;
  ++totals.requests;
  if (came_back) ++totals.came_back;
  Request& request = requests[number];
  request.number = number;
  request.first_number = came_back ? first_number : number;
  request.key = key;
  request.came_back = came_back;
  request.plan = std::make_unique<routing::AttemptPlan>(
      *route, scenario.settings, random,
      routing::PlanLimits{.deadline = now + scenario.workload.deadline, .affinity = key + 1});
  tell(What::arrived, request);
  obey(request, request.plan->start(now));
}

void Simulator::Parts::obey(Request& request, routing::Step step) {
  if (auto* attempt = std::get_if<routing::Try>(&step)) return begin(request, std::move(*attempt));
  if (const auto* stopped = std::get_if<routing::Stop>(&step)) return stop(request, *stopped);
  const routing::Wait wait = std::get<routing::Wait>(step);
  if (wait.reason == routing::WaitReason::backoff)
    return push(now + wait.duration, Kind::end_backoff, request.number);
  tell(What::waits, request);
  line->join({.id = request.number,
              .key = request.key,
              .identity = request.first_number,
              .lane = 1,
              .route = route.get(),
              .keep = nullptr,
              .asking = request.plan->asking(),
              .excluded = request.plan->excluded()},
             now);
  after_line();
}

// The line must not be called back from its own answers, so they are taken one by one until none is left.
void Simulator::Parts::after_line() {
  while (!answers.empty()) {
    routing::WaitingLine::Answer answer = std::move(answers.front());
    answers.erase(answers.begin());
    Request& request = requests.at(answer.id);
    if (answer.found)
      obey(request, request.plan->on_turn(std::move(*answer.found), now));
    else
      obey(request, request.plan->on_refused(answer.ready, answer.full, now));
  }
  const auto wake = line->next_wake(now);
  if (!wake || (line_wake && *line_wake <= *wake)) return;
  line_wake = wake;
  push(*wake, Kind::advance_line);
}

void Simulator::Parts::begin(Request& request, routing::Try&& attempt) {
  const std::uint32_t backend = attempt.target->backend->index;
  attempt.reservation.mark_sent(now);
  attempt.passage.mark_sent();
  ++totals.attempts;
  request.running = std::move(attempt);
  request.outcome = outcome_at(backend, now);
  if (request.outcome.failure && request.outcome.failure->failure == FailureClass::status_429) ++totals.upstream_429;
  tell(What::tried, request, static_cast<std::int32_t>(backend));
  push(now + request.outcome.takes, Kind::end_attempt, request.number);
}

Outcome Simulator::Parts::outcome_at(std::uint32_t backend, TimePoint start) {
  const BackendModel& model = scenario.backends[backend];
  const auto transit = Duration{static_cast<std::int64_t>(
      upstreams.below(static_cast<std::uint64_t>(std::max<std::int64_t>(model.upstream.transit.count(), 1))))};
  const Duration quick = transit + std::chrono::milliseconds{5};
  for (const Outage& outage : model.upstream.outages)
    if (start >= kBeginning + outage.from && start < kBeginning + outage.until)
      return {quick, routing::UpstreamFailure{.failure = outage.failure, .status = 0}};
  const auto limited = [&](Duration wait) {
    routing::UpstreamFailure failure{.failure = FailureClass::status_429, .status = 429};
    if (model.upstream.says_when) failure.retry_hint = routing::RetryHint{.after = wait};
    return Outcome{quick, failure};
  };
  for (std::size_t each = 0; each < address_limits.size(); ++each)
    if (scenario.address_limits[each].address == model.address)
      if (const auto wait = address_limits[each].take("address", start + transit)) return limited(*wait);
  if (model.upstream.limit.rpm != 0)
    if (const auto wait = limits[backend].take("key", start + transit)) return limited(*wait);
  const Duration takes = of_seconds(std::chrono::duration<double>(model.upstream.latency).count() *
                                    std::exp2(2 * upstreams.unit() - 1));
  if (upstreams.unit() < model.upstream.failing)
    return {quick, routing::UpstreamFailure{.failure = FailureClass::status_5xx, .status = 500}};
  return {takes, std::nullopt};
}

void Simulator::Parts::end_attempt(std::uint64_t number) {
  Request& request = requests.at(number);
  const catalog::Target& target = *request.running->target;
  const auto backend = static_cast<std::int32_t>(target.backend->index);
  request.running->reservation.settle();
  if (!request.outcome.failure) {
    target.backend->gauge->observe_first_byte(request.outcome.takes, now);
    routing::note_success(target, now);
    request.plan->on_success();
    tell(What::succeeded, request, backend);
    ++totals.succeeded;
    if (request.came_back) ++totals.succeeded_late;
    requests.erase(number);
  } else {
    const routing::UpstreamFailure failure = *request.outcome.failure;
    const auto cooldown =
        routing::note_failure(target, request.running->passage, failure, snapshot->backends(),
                              scenario.settings.cooldown, random, now);
    tell(What::failed, request, backend, {.failure = failure.failure});
    if (cooldown) tell(What::cooled, request, backend, {.failure = failure.failure, .retry_after = cooldown->duration});
    request.running.reset();
    obey(request, request.plan->on_failure(failure, now));
  }
  if (line->waiting() == 0) return;
  line->advance(now);
  after_line();
}

void Simulator::Parts::stop(Request& request, const routing::Stop& stop) {
  const bool refused = stop.error.retry_after.has_value();
  tell(refused ? What::refused : What::gave_up, request, -1,
       {.error = stop.error.kind, .retry_after = Duration{stop.error.retry_after.value_or(Duration{})}});
  if (refused) {
    ++totals.refused;
    if (request.came_back) ++totals.refused_again;
    if (!request.came_back && upstreams.unit() < scenario.workload.obeying) {
      const Duration network = std::chrono::milliseconds{1 + upstreams.below(30)};
      push(now + *stop.error.retry_after + network, Kind::come_back, request.first_number, request.key);
    }
  } else {
    ++totals.failed;
  }
  requests.erase(request.number);
}

Simulator::Simulator(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Simulator::~Simulator() {
  parts_->requests.clear();  // what they hold belongs to the snapshot
  parts_->answers.clear();
  parts_->line.reset();
}

void Simulator::on_happening(std::function<void(const Happening&)> observer) {
  parts_->observer = std::move(observer);
}
Totals Simulator::run() { return parts_->run(); }
const catalog::BackendEntry& Simulator::backend(std::uint32_t index) const {
  return parts_->snapshot->backends()[index];
}
TimePoint Simulator::beginning() const { return kBeginning; }

}  // namespace headworks::simulation
