#include "gateway/exchange.hpp"

#include <algorithm>
#include <utility>

#include "gateway/attempt.hpp"
#include "gateway/hook_calls.hpp"
#include "telemetry/recent_exchanges.hpp"

namespace headworks::gateway {

Exchange::Exchange(LoopContext& context, net::Request& request, net::ResponseWriter& response,
                   std::string_view route_name)
    : context_(context),
      request_(request),
      response_(response),
      catalog_(context.routes.catalog()),
      started_(request.arrived()),
      deadline_(started_ + std::chrono::duration_cast<base::Duration>(
                               std::chrono::duration<double>(snapshot().settings().timeouts.total_seconds))) {
  record_.started = context.loop.wall();
  record_.id = base::RequestId(context.loop.random(), record_.started);
  record_.route = route_name;
  if (context.hooks != nullptr) hooks_ = std::make_unique<HookPart>(context.hooks);
  keep_alive();
  record_.revision = snapshot().revision();
  request_.watch_client(this);
  context_.running.push_back(*this);
}

telemetry::ExchangeRecord Exchange::so_far() const {
  telemetry::ExchangeRecord record = record_;
  if (attempt_ != nullptr) record.attempts.push_back(attempt_->so_far());
  record.total = now() - started_;
  record.status = response_.head_sent() ? response_.status() : 0;
  record.bytes_out = response_.body_bytes();
  return telemetry::make_owned(record);
}

bool Exchange::settled() const { return attempt_ != nullptr && attempt_->sent(); }

void Exchange::stop_waiting() {
  if (sleep_ != nullptr) sleep_->interrupt();
  if (turn_ != nullptr) turn_->interrupt();
}

Exchange::~Exchange() {
  request_.watch_client(nullptr);
  record_.total = now() - started_;
  base::Duration upstream{};
  for (const telemetry::AttemptRecord& attempt : record_.attempts) upstream += attempt.total;
  record_.overhead = std::max(base::Duration{}, record_.total - upstream - record_.queue_wait);
  record_.status = response_.status();
  record_.bytes_out = response_.body_bytes();
  if (!response_.complete() && !client_has_all_ && !record_.error) {  // it left, or did not read
    record_.status = base::row_of(base::ErrorKind::client_closed).status;
    record_.error = base::ErrorKind::client_closed;
  }
  if (client_key_ != nullptr) settle_key();
  context_.recorder.record(context_.loop.index(), std::move(record_));
  key_reservation_.settle();
  if (context_.waiting_room != nullptr) context_.waiting_room->poke();
}

// A client that leaves while a backend thinks has had that work done: what was reserved for it stands, or leaving
// early would be free.
void Exchange::settle_key() {
  base::MicroUsd cost;
  std::uint64_t tokens = 0;
  bool unknown = false;
  for (const telemetry::AttemptRecord& attempt : record_.attempts) {
    cost.value += attempt.cost.value;
    tokens += attempt.usage.input_tokens + attempt.usage.output_tokens;
    unknown |= attempt.sent && attempt.error == base::ErrorKind::client_closed &&
               attempt.usage.source == base::UsageSource::none;
  }
  if (unknown) {
    spend_.keep();
    return;
  }
  if (key_tokens_) client_key_->gauge->tokens().settle(*key_tokens_, tokens);
  spend_.set_spent({.cost = cost, .tokens = tokens, .requests = 1});
  spend_.settle();
}

void Exchange::on_peer_closed() {
  client_left_ = true;
  if (call_ != nullptr) call_->interrupt();
  stop_waiting();
}

void Exchange::set_client_key(const catalog::ClientKeyEntry& key, gauges::Reservation reservation) {
  client_key_ = &key;
  key_reservation_ = std::move(reservation);
  key_reservation_.mark_sent(now());  // a request counts against its key, whatever becomes of it
  record_.client_key_id = key.row.id;
  record_.client_key = key.row.name;
}

void Exchange::mask_secrets(std::string& text, const catalog::BackendEntry& sender) {
  const std::size_t masked = snapshot().secrets().mask(text) + sender.row.api_key.mask_in(text);
  if (masked != 0) context_.metrics.add(telemetry::Metric::secrets_masked, {"client"}, static_cast<double>(masked));
}

void Exchange::set_route(std::shared_ptr<const ModelRoute> route) {
  const bool again = route_ != nullptr;  // a plug-in's order of the same one
  route_ = std::move(route);
  record_.model = route_->shown;
  if (route_->masked != 0 && !again)
    context_.metrics.add(telemetry::Metric::secrets_masked, {"ledger"}, static_cast<double>(route_->masked));
  record_.model_label = route_->named ? std::string_view(route_->model) : std::string_view();
  keep_alive();
}

// What the record's views point into.
void Exchange::keep_alive() {
  std::shared_ptr<const void> names = catalog_;
  if (route_ != nullptr) names = route_;
  if (hooks_ == nullptr) {
    record_.keep_alive = std::move(names);
    return;
  }
  using Both = std::pair<std::shared_ptr<const void>, std::shared_ptr<const void>>;
  record_.keep_alive = std::make_shared<const Both>(std::move(names), hooks_->set);
}

void Exchange::keep_cooldown(const catalog::BackendEntry& backend, const routing::Cooldown& cooldown,
                             std::string_view model) {
  context_.cooldowns.on_cooldown({.backend_id = backend.row.id,
                                  .backend = backend.row.name,
                                  .cooldown = cooldown,
                                  .model = model.empty() ? std::nullopt : std::optional<std::string>(model),
                                  .started = context_.loop.wall(),
                                  .request_id = std::string(id())});
}

void Exchange::note_plan(const routing::AttemptPlan& plan) {
  using Kind = routing::PlanTrace::Kind;
  if (plan.trace().entries().empty()) return;
  const auto reasons = static_cast<unsigned>(routing::kOuts);
  for (const routing::PlanTrace::Entry& entry : plan.trace().entries()) {
    telemetry::PlanStep step{.attempts_before = entry.attempts_before};
    if (entry.kind == Kind::passed_over) {
      const routing::RouteState::Tier& tier = plan.route().tier_of(entry.candidate);
      step.backend = tier.row->targets[entry.candidate - tier.first].backend->row.name;
      step.pool = tier.row->pool->name;
      step.why = routing::name_of(entry.out);
      step.score = entry.value;
    } else {
      step.kind = telemetry::PlanStep::Kind::waited;
      step.why = entry.kind == Kind::turn ? "turn" : "backoff";
      step.lasted = std::chrono::duration_cast<base::Duration>(std::chrono::duration<float>(entry.value));
    }
    record_.plan.push_back(step);
  }
  for (unsigned reason = 0; reason < reasons; ++reason) {
    const auto out = static_cast<routing::Out>(reason);
    if (const std::uint32_t count = plan.trace().unlisted(out); count != 0)
      record_.plan.push_back({.attempts_before = static_cast<std::uint8_t>(plan.attempts()),
                              .count = count,
                              .why = routing::name_of(out)});
  }
  // What failed was noted as it happened: each behind what came before its attempt.
  const auto place = [](const telemetry::PlanStep& step) {
    return std::pair(step.attempts_before, step.kind == telemetry::PlanStep::Kind::failed);
  };
  std::stable_sort(record_.plan.begin(), record_.plan.end(),
                   [&](const auto& one, const auto& other) { return place(one) < place(other); });
}

}  // namespace headworks::gateway
