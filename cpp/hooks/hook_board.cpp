#include "hooks/hook_board.hpp"

#include <utility>

namespace headworks::hooks {
namespace {

std::shared_ptr<const Hook::Observer> observe_with(telemetry::Metrics& metrics, base::Log& log) {
  return std::make_shared<const Hook::Observer>(Hook::Observer{
      .on_answer =
          [&metrics](const HookRow& row, base::Duration took) {
            metrics.observe(telemetry::Metric::hook_seconds, {row.name}, std::chrono::duration<double>(took).count());
          },
      .on_failure =
          [&metrics, &log](const HookRow& row, const Failure& failure) {
            metrics.add(telemetry::Metric::hook_failures, {row.name, failure.reason});
            if (failure.reason == "breaker") return;  // the failures that opened it were told
            log.log(base::LogLevel::warn, "a hook failed",
                    {{"hook", row.name}, {"reason", failure.reason}, {"detail", failure.detail},
                     {"on_error", row.on_error == OnError::reject ? "reject" : "ignore"}});
          }});
}

double seconds(base::Duration duration) { return std::chrono::duration<double>(duration).count(); }

ExchangeView view_of(const telemetry::ExchangeRecord& record) {
  ExchangeView view{.id = std::string(record.id.view()),
                    .route = std::string(record.route),
                    .model = std::string(record.model),
                    .client_key = std::string(record.client_key),
                    .stream = record.stream,
                    .status = record.status,
                    .error = {},
                    .backend = {},
                    .pool = {},
                    .attempts = static_cast<std::uint32_t>(record.attempts.size()),
                    .seconds = seconds(record.total),
                    .queue_seconds = seconds(record.queue_wait),
                    .first_byte_seconds = {}};
  if (record.error) view.error = std::string(base::code_of(*record.error));
  std::int64_t cost = 0;
  for (const telemetry::AttemptRecord& attempt : record.attempts) {
    view.input_tokens += attempt.usage.input_tokens, view.output_tokens += attempt.usage.output_tokens;
    view.cached_input_tokens += attempt.usage.cached_input_tokens;
    cost += attempt.cost.value;
  }
  view.cost_usd = static_cast<double>(cost) / 1e6;
  if (!record.attempts.empty()) {
    const telemetry::AttemptRecord& last = record.attempts.back();
    view.backend = std::string(last.backend), view.pool = std::string(last.pool);
    if (last.first_byte > base::Duration::zero()) view.first_byte_seconds = seconds(last.started + last.first_byte);
  }
  return view;
}

}  // namespace

HookBoard::HookBoard(telemetry::Metrics& metrics, base::Log& log) : observer_(observe_with(metrics, log)) {}

void HookBoard::spread_with(Spread spread) {
  const std::lock_guard one_at_a_time(publishing_);
  const std::lock_guard lock(mutex_);
  spread_ = std::move(spread);
}

std::vector<std::shared_ptr<Hook>> HookBoard::publish(std::vector<HookRow> rows) {
  const std::lock_guard one_at_a_time(publishing_);
  std::vector<std::shared_ptr<Hook>> hooks;
  for (HookRow& row : rows) hooks.push_back(std::make_shared<Hook>(std::move(row), observer_, gate_));
  const SetPtr fresh = hooks.empty() ? nullptr : std::make_shared<const HookSet>(hooks);
  SetPtr old;
  Spread spread;
  {
    const std::lock_guard lock(mutex_);
    old = std::exchange(current_, fresh);
    spread = spread_;
  }
  if (spread) spread(fresh);
  if (old != nullptr)
    for (const auto& hook : old->all()) hook->close();
  return hooks;
}

HookBoard::SetPtr HookBoard::current() const {
  const std::lock_guard lock(mutex_);
  return current_;
}

std::shared_ptr<Hook> HookBoard::reloader() const {
  const std::lock_guard lock(mutex_);
  return reloader_;
}

std::shared_ptr<Hook> HookBoard::open_reloader() {
  const std::lock_guard lock(mutex_);
  if (reloader_ == nullptr)
    reloader_ = std::make_shared<Hook>(
        HookRow{.name = "reload", .plugin = "", .point = HookPoint::admit, .timeout = std::chrono::seconds{30}},
        nullptr, gate_);
  return reloader_;
}

void HookBoard::on_exchanges(std::span<const telemetry::ExchangeRecord> records) {
  const SetPtr set = current();
  if (set == nullptr || set->at(HookPoint::finished).empty()) return;
  const base::TimePoint now = base::SystemClock().now();
  for (const telemetry::ExchangeRecord& record : records) {
    const ExchangeView view = view_of(record);
    for (const auto& hook : set->at(HookPoint::finished)) {
      if (!hook->may_ask(now)) {
        hook->fail({.reason = "breaker"}, now);
        continue;
      }
      auto question = std::make_shared<Question>(Question::Deliver{});
      question->exchange = view;
      if (const auto failure = hook->ask(std::move(question), now)) hook->fail(*failure, now);
    }
  }
}

void HookBoard::close() {
  gate_->close();
  spread_with({});
  publish({});
  if (const auto reloader = this->reloader()) reloader->close();
}

}  // namespace headworks::hooks
