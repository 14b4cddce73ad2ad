#include "telemetry/exchange_log.hpp"

#include <boost/container/static_vector.hpp>
#include <cmath>
#include <string>

namespace headworks::telemetry {
namespace {

// Milliseconds with three decimals: what people compare.
double milliseconds_of(base::Duration duration) {
  return std::round(std::chrono::duration<double, std::micro>(duration).count()) / 1000.0;
}

// "nim-1:upstream_timeout nim-2:ok": which backends were asked and how each one ended.
std::string path_of(const ExchangeRecord& record) {
  std::string path;
  for (const AttemptRecord& attempt : record.attempts) {
    if (!path.empty()) path += ' ';
    path += attempt.backend;
    path += ':';
    path += attempt.error ? base::code_of(*attempt.error) : std::string_view("ok");
  }
  return path;
}

}  // namespace

void ExchangeLog::on_exchanges(std::span<const ExchangeRecord> records) {
  for (const ExchangeRecord& record : records) write(record);
}

void ExchangeLog::write(const ExchangeRecord& record) {
  const base::LogLevel level = record.error ? base::row_of(*record.error).level : base::LogLevel::info;
  if (!log_.enabled(level)) return;
  const AttemptRecord* last = record.attempts.empty() ? nullptr : &record.attempts.back();
  base::Usage usage;
  base::MicroUsd cost;
  for (const AttemptRecord& attempt : record.attempts) {
    usage.input_tokens += attempt.usage.input_tokens;
    usage.output_tokens += attempt.usage.output_tokens;
    cost.value += attempt.cost.value;
  }
  std::string path;
  boost::container::static_vector<base::LogField, 24> fields;
  fields.emplace_back("request_id", record.id.view());
  fields.emplace_back("route", record.route);
  if (!record.model.empty()) fields.emplace_back("model", record.model);
  if (!record.client_key.empty()) fields.emplace_back("client_key", record.client_key);
  fields.emplace_back("status", record.status);
  if (record.error) fields.emplace_back("error", base::code_of(*record.error));
  fields.emplace_back("stream", record.stream);
  if (last != nullptr) {
    fields.emplace_back("backend", last->backend);
    fields.emplace_back("pool", last->pool);
    fields.emplace_back("upstream_status", last->status);
    fields.emplace_back("first_byte_ms", milliseconds_of(last->first_byte));
  }
  fields.emplace_back("attempts", record.attempts.size());
  if (record.attempts.size() > 1) fields.emplace_back("path", path = path_of(record));
  fields.emplace_back("total_ms", milliseconds_of(record.total));
  fields.emplace_back("overhead_ms", milliseconds_of(record.overhead));
  if (record.queue_wait > base::Duration::zero())
    fields.emplace_back("queue_wait_ms", milliseconds_of(record.queue_wait));
  fields.emplace_back("input_tokens", usage.input_tokens);
  fields.emplace_back("output_tokens", usage.output_tokens);
  if (last != nullptr) fields.emplace_back("usage_source", base::name_of(last->usage.source));
  fields.emplace_back("cost_usd", static_cast<double>(cost.value) / 1e6);
  fields.emplace_back("bytes_in", record.bytes_in);
  fields.emplace_back("bytes_out", record.bytes_out);
  log_.log_at(record.started + record.total, level, "exchange", {fields.data(), fields.size()});
}

}  // namespace headworks::telemetry
