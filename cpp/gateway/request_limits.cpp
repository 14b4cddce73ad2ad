#include "gateway/request_limits.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "catalog/utc_time.hpp"
#include "routing/sticky.hpp"

namespace headworks::gateway {
namespace {

using base::ErrorKind;

// Bytes of a request per token: English text has about four; estimates that must not be too high assume
// eight, JSON around it included.
constexpr std::uint64_t kBytesPerToken = 4;
constexpr std::uint64_t kMostBytesPerToken = 8;
// Output tokens of a request that sets no max_tokens.
constexpr std::uint64_t kUsualOutput = 1024;
constexpr std::size_t kPromptBytes = 2048;  // that sticky routing by prompt looks at

base::Duration of_seconds(double seconds) {
  return std::chrono::duration_cast<base::Duration>(std::chrono::duration<double>(seconds));
}

std::uint64_t output_of(const ClientRequest& request) { return request.envelope.max_tokens.value_or(kUsualOutput); }

// x-stainless-timeout (seconds; the openai and anthropic SDKs) or x-request-timeout-ms; the shorter one. What
// cannot be read is no wish.
std::optional<base::Duration> find_client_timeout(const wire::RequestHead& head) {
  std::optional<base::Duration> timeout;
  for (const wire::Field& field : head.fields) {
    if (field.traits.id != wire::FieldId::client_timeout) continue;
    double number = 0;
    const auto [end, error] = std::from_chars(field.value.data(), field.value.data() + field.value.size(), number,
                                              std::chars_format::fixed);
    if (error != std::errc{} || end != field.value.data() + field.value.size()) continue;
    if (!(number > 0) || number > 1e9) continue;
    const bool milliseconds = wire::same_name(field.name, "x-request-timeout-ms");
    const base::Duration wish = of_seconds(std::min(milliseconds ? number / 1000 : number, 1e6));
    if (!timeout || wish < *timeout) timeout = wish;
  }
  return timeout;
}

std::uint64_t affinity_of(const Exchange& exchange, const ClientRequest& request, std::string_view sticky_by) {
  if (sticky_by == "prompt") return routing::affinity_of(request.body.substr(0, kPromptBytes));
  if (sticky_by.starts_with("header:")) {
    const std::string_view name = sticky_by.substr(7);
    for (const wire::Field& field : request.head->fields)
      if (wire::same_name(field.name, name)) return routing::affinity_of(field.value);
    return 0;
  }
  return routing::affinity_of(exchange.client_key()->row.id);
}

// A picture in base64 has many bytes and few tokens: nobody knows how long such a request is at least.
std::uint64_t least_tokens_of(const ClientRequest& request) {
  if (request.body_kind != BodyKind::json || request.body.find(";base64,") != std::string_view::npos) return 0;
  return request.body.size() / kMostBytesPerToken;
}

std::string window_name(gauges::SpendWindow window) {
  return std::string(catalog::budget_windows()[static_cast<std::size_t>(window)]);
}

// The dearest of those that may answer.
base::MicroUsd most_cost(const ClientRequest& request, const ModelRoute& route) {
  double most = 0;
  for (const routing::RouteState::Tier& tier : route.state.tiers())
    for (const catalog::Target& target : tier.row->targets)
      if (target.price != nullptr)
        most = std::max(most, static_cast<double>(request.body.size() / kBytesPerToken) * target.price->input +
                                  static_cast<double>(output_of(request)) * target.price->output);
  return {static_cast<std::int64_t>(std::ceil(most))};  // USD per million tokens is micro-USD per token
}

}  // namespace

gauges::Charge charge_of(const dialect::RouteRow& route) {
  return route.metered ? gauges::Charge::start : gauges::Charge::nothing;
}

routing::PlanLimits read_limits(Exchange& exchange, const ClientRequest& request, const ModelRoute& route) {
  base::TimePoint deadline = exchange.deadline();
  const double of_key = exchange.client_key()->row.timeout_seconds;
  if (of_key > 0) deadline = std::min(deadline, exchange.started() + of_seconds(of_key));
  if (const auto wish = find_client_timeout(*request.head)) deadline = std::min(deadline, exchange.started() + *wish);
  exchange.set_deadline(deadline);

  routing::PlanLimits limits{.deadline = deadline, .demand = {.charge = charge_of(*request.route)}};
  if (request.route->metered && request.body_kind == BodyKind::json)
    limits.demand.tokens = request.body.size() / kBytesPerToken + output_of(request);
  if (route.state.knows_contexts()) limits.least_tokens = least_tokens_of(request);
  if (const catalog::Pool* sticky = route.state.sticky_pool())
    limits.affinity = affinity_of(exchange, request, sticky->sticky_by);
  return limits;
}

base::Result<void> hold_key_limits(Exchange& exchange, const ClientRequest& request, const ModelRoute& route,
                                   const routing::PlanLimits& limits) {
  if (!request.route->metered) return {};
  const catalog::ClientKeyEntry& key = *exchange.client_key();
  gauges::TokenMeter& tokens = key.gauge->tokens();
  if (tokens.limit() != 0) {
    const auto taken = tokens.take(limits.demand.tokens, exchange.now());
    if (!taken) {
      base::Error error = base::fail(ErrorKind::key_rate_limited, "this API key has used its tpm_limit");
      error.retry_after = tokens.earliest(limits.demand.tokens, exchange.now()) - exchange.now();
      return error;
    }
    exchange.hold_tokens(*taken);
  }
  if (key.budgets.empty()) return {};
  const base::WallTime wall = exchange.context().loop.wall();
  const gauges::SpendLimit* spent =
      exchange.spend().take(*key.gauge, key.budgets,
                            {.cost = most_cost(request, route), .tokens = limits.demand.tokens, .requests = 1}, wall);
  if (spent == nullptr) return {};
  static constexpr std::array<std::string_view, gauges::kSpendOfs> kOf = {"", " of tokens", " of requests"};
  base::Error error = base::fail(ErrorKind::insufficient_quota,
                                 "this API key's budget" + std::string(kOf[static_cast<std::size_t>(spent->of)]) +
                                     " of this " + window_name(spent->window) +
                                     " does not allow this request; it begins anew at " +
                                     catalog::format_utc(gauges::window_end(spent->window, wall)));
  error.retry_after = gauges::window_end(spent->window, wall) - wall;
  return error;
}

}  // namespace headworks::gateway
