#include "admin/exchange_json.hpp"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <vector>

#include "catalog/utc_time.hpp"
#include "store/plan_text.hpp"

namespace headworks::admin {
namespace {

double milliseconds(base::Duration duration) { return std::chrono::duration<double, std::milli>(duration).count(); }

void write_error(json::JsonWriter& json, const std::optional<base::ErrorKind>& error) {
  json.key("error");
  if (error) json.string(base::code_of(*error));
  else json.null();
}

void write_text(json::JsonWriter& json, std::string_view name, std::string_view text) {
  json.key(name);
  if (text.empty()) json.null();
  else json.string(text);
}

void write_usage(json::JsonWriter& json, const base::Usage& usage) {
  const auto count = [&](std::string_view name, std::uint64_t value) {
    json.key(name).number(static_cast<std::int64_t>(value));
  };
  count("input_tokens", usage.input_tokens), count("output_tokens", usage.output_tokens);
  count("cached_input_tokens", usage.cached_input_tokens), count("cache_write_tokens", usage.cache_write_tokens);
  count("reasoning_tokens", usage.reasoning_tokens);
  json.key("usage_source").string(base::name_of(usage.source));
}

using telemetry::PlanStep;

const PlanStep* find_failure(const telemetry::ExchangeRecord& record, std::size_t attempt) {
  for (const PlanStep& step : record.plan)
    if (step.kind == PlanStep::Kind::failed && step.attempts_before == attempt) return &step;
  return nullptr;
}

void write_attempt(json::JsonWriter& json, const telemetry::AttemptRecord& attempt, std::int64_t number,
                   const PlanStep* failure) {
  json.open_object().key("attempt").number(number);
  json.key("backend_id").string(attempt.backend_id).key("backend").string(attempt.backend);
  json.key("pool").string(attempt.pool).key("model_sent").string(attempt.model_sent);
  json.key("score").real(attempt.score);
  json.key("status").number(attempt.status);
  write_error(json, attempt.error);
  write_text(json, "failure", failure == nullptr ? std::string_view() : failure->why);
  json.key("started_ms").real(milliseconds(attempt.started));
  json.key("reused_connection").boolean(attempt.reused_connection);
  json.key("connect_ms").real(milliseconds(attempt.connect));
  json.key("first_byte_ms").real(milliseconds(attempt.first_byte));
  json.key("total_ms").real(milliseconds(attempt.total));
  write_usage(json, attempt.usage);
  json.key("cost_usd").real(static_cast<double>(attempt.cost.value) / 1e6);
  json.key("cooldown");
  if (failure == nullptr || failure->cooled_scope.empty()) {
    json.null();
  } else {
    json.open_object().key("seconds").real(milliseconds(failure->lasted) / 1000);
    json.key("scope").string(failure->cooled_scope).key("source").string(failure->cooled_source).close_object();
  }
  json.close_object();
}

}  // namespace

void write_exchange(json::JsonWriter& json, const telemetry::ExchangeRecord& record, ExchangeState state,
                    Detail detail) {
  base::Usage usage;
  std::int64_t cost = 0;
  for (const telemetry::AttemptRecord& attempt : record.attempts) {
    usage.input_tokens += attempt.usage.input_tokens, usage.output_tokens += attempt.usage.output_tokens;
    cost += attempt.cost.value;
  }
  const telemetry::AttemptRecord* last = record.attempts.empty() ? nullptr : &record.attempts.back();
  json.open_object().key("request_id").string(record.id.view());
  json.key("state").string(state == ExchangeState::running ? "running" : "finished");
  json.key("started_at").string(catalog::format_utc(record.started));
  json.key("started_ms").number(
      std::chrono::floor<std::chrono::milliseconds>(record.started.time_since_epoch()).count());
  json.key("route").string(record.route);
  write_text(json, "client_key_id", record.client_key_id), write_text(json, "client_key", record.client_key);
  write_text(json, "model", record.model);
  json.key("stream").boolean(record.stream).key("status").number(record.status);
  write_error(json, record.error);
  write_text(json, "backend", last == nullptr ? std::string_view() : last->backend);
  write_text(json, "pool", last == nullptr ? std::string_view() : last->pool);
  json.key("attempts_count").number(static_cast<std::int64_t>(record.attempts.size()));
  json.key("total_ms").real(milliseconds(record.total));
  json.key("overhead_ms").real(milliseconds(record.overhead));
  json.key("queue_wait_ms").real(milliseconds(record.queue_wait));
  json.key("input_tokens").number(static_cast<std::int64_t>(usage.input_tokens));
  json.key("output_tokens").number(static_cast<std::int64_t>(usage.output_tokens));
  json.key("cost_usd").real(static_cast<double>(cost) / 1e6);
  json.key("revision").number(static_cast<std::int64_t>(record.revision));
  json.key("bytes_in").number(static_cast<std::int64_t>(record.bytes_in));
  json.key("bytes_out").number(static_cast<std::int64_t>(record.bytes_out));
  const auto& upstream_id = record.upstream_request_id;
  write_text(json, "upstream_request_id", {upstream_id.data(), ::strnlen(upstream_id.data(), upstream_id.size())});
  if (detail == Detail::whole) {
    std::vector<PlanStep> plan;  // what failed stands with its attempt
    std::copy_if(record.plan.begin(), record.plan.end(), std::back_inserter(plan),
                 [](const PlanStep& step) { return step.kind != PlanStep::Kind::failed; });
    json.key("plan").raw(store::format_plan(plan));
    json.key("attempts").open_array();
    for (std::size_t at = 0; at < record.attempts.size(); ++at)
      write_attempt(json, record.attempts[at], static_cast<std::int64_t>(at + 1), find_failure(record, at));
    json.close_array();
  }
  json.close_object();
}

}  // namespace headworks::admin
