#include "upstream/director.hpp"

#include <utility>

namespace headworks::upstream {
namespace {

constexpr std::string_view kControl = "/__upstream/";

std::unique_ptr<RateLimiter> make_limiter(const std::optional<RateLimit>& limit) {
  return limit ? std::make_unique<RateLimiter>(*limit) : nullptr;
}

bool holds_by_head(const Rule& rule, const Request& request) {
  return (rule.method.empty() || rule.method == request.method()) && request.path().starts_with(rule.path) &&
         (rule.key.empty() || rule.key == request.key());
}

// Whether the rule answers the `seen`th request for which its other conditions hold, having answered `used`.
bool is_turn(const Rule& rule, std::uint64_t seen, std::uint64_t used) {
  return (rule.nth == 0 || seen == rule.nth) && seen % rule.every == 0 &&
         (rule.times == 0 || used < rule.times);
}

std::string refusal(std::string_view message) {
  std::string out = R"({"error":{"message":")";
  append_escaped(out, message);
  return out + R"("}})";
}

}  // namespace

Director::Director(Script script) { set_script(std::move(script)); }

void Director::set_script(Script script) {
  script_ = std::move(script);
  states_.clear();
  for (const Rule& rule : script_.rules) states_.push_back({.limiter = make_limiter(rule.limit)});
  limiter_ = make_limiter(script_.limit);
  journal_.configure(script_.journal);
  accepts_used_ = 0;
}

AcceptAction Director::on_accept() {
  const Accept& accept = script_.accept;
  if (accept.action == AcceptAction::serve || accept.action == AcceptAction::stall)
    return AcceptAction::serve;
  if (accept.times && accepts_used_ >= *accept.times) return AcceptAction::serve;
  ++accepts_used_;
  return accept.action;
}

std::optional<std::size_t> Director::match(const Request& request, const BodyGlance& glance) {
  for (std::size_t i = 0; i < script_.rules.size(); ++i) {
    const Rule& rule = script_.rules[i];
    RuleState& state = states_[i];
    if (!holds_by_head(rule, request) || (!rule.model.empty() && rule.model != glance.model)) continue;
    if (!is_turn(rule, ++state.seen, state.used)) continue;
    ++state.used;
    return i;
  }
  return std::nullopt;
}

std::optional<Performance> Director::limit(RateLimiter* limiter, const Request& request,
                                           base::TimePoint now) {
  if (limiter == nullptr) return std::nullopt;
  const auto wait = limiter->take(request.key(), now);
  if (!wait) return std::nullopt;
  journal_.count_limited();
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(*wait).count();
  const std::vector<HeaderLine> headers{{"retry-after", std::to_string((ms + 999) / 1000)},
                                        {"retry-after-ms", std::to_string(ms)}};
  return compose_json(429, error_body(is_anthropic(request, route_of(request)), 429), headers,
                      request.wants_close());
}

std::optional<Direction> Director::on_head(const Request& request, std::uint64_t connection,
                                           base::TimePoint now, base::WallTime wall) {
  // Peeks without counting: a rule that is not early must find its counts untouched when the body has come.
  if (request.path().starts_with(kControl)) return std::nullopt;
  static const BodyGlance kNothing;
  for (std::size_t i = 0; i < script_.rules.size(); ++i) {
    const Rule& rule = script_.rules[i];
    RuleState& state = states_[i];
    if (!holds_by_head(rule, request)) continue;
    if (!is_turn(rule, state.seen + 1, state.used)) continue;
    if (!rule.answer.early) return std::nullopt;
    ++state.seen, ++state.used;
    journal_.count(request);
    const std::uint64_t number = next_number_++;
    const Occasion occasion{request, kNothing, route_of(request), number, wall};
    Direction direction{compose(rule.answer, occasion), number};
    journal_.open(request, {number, connection, now, i, direction.performance.status, false});
    return direction;
  }
  return std::nullopt;
}

Direction Director::on_request(const Request& request, std::uint64_t connection, base::TimePoint now,
                               base::WallTime wall) {
  if (request.path().starts_with(kControl)) return {control(request), 0};
  static const Answer kHealthy;
  const BodyGlance glance = glance_at(request.body());
  const std::uint64_t number = next_number_++;
  journal_.count(request);
  std::optional<std::size_t> rule;
  std::optional<Performance> performance = limit(limiter_.get(), request, now);
  if (!performance) {
    rule = match(request, glance);
    if (rule) performance = limit(states_[*rule].limiter.get(), request, now);
  }
  if (!performance) {
    const Occasion occasion{request, glance, route_of(request), number, wall};
    performance = compose(rule ? script_.rules[*rule].answer : kHealthy, occasion);
  }
  journal_.open(request, {number, connection, now, rule, performance->status, true});
  return {std::move(*performance), number};
}

Direction Director::on_stale_request(const Request& request, std::uint64_t connection, base::TimePoint now,
                                     After after) {
  const std::uint64_t number = next_number_++;
  journal_.count(request);
  journal_.open(request, {number, connection, now, std::nullopt, 0, true});
  Direction direction{.performance = {}, .number = number};
  direction.performance.after = after;
  direction.performance.cut = true;
  return direction;
}

Performance Director::control(const Request& request) {
  const std::string_view what = request.path().substr(kControl.size());
  const bool close = request.wants_close();
  if (request.method() == "GET" && what == "journal")
    return compose_json(200, journal_.entries_json(), {}, close);
  if (request.method() == "GET" && what == "stats")
    return compose_json(200, journal_.stats_json(), {}, close);
  if (request.method() == "DELETE" && what == "journal") {
    journal_.clear();
    return compose_json(200, "{}", {}, close);
  }
  if (request.method() == "PUT" && what == "script") {
    auto script = parse_script(request.body());
    if (!script) return compose_json(400, refusal(script.error().message), {}, close);
    set_script(std::move(*script));
    script_changed_ = true;
    return compose_json(200, "{}", {}, close);
  }
  return compose_json(404, refusal("known here: GET and DELETE journal, GET stats, PUT script"), {}, close);
}

}  // namespace headworks::upstream
