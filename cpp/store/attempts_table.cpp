#include "store/attempts_table.hpp"

#include <cstring>

#include "base/error.hpp"

namespace headworks::store {
namespace {

constexpr std::string_view kInsert =
    "INSERT OR IGNORE INTO attempts (started_us, request_id, attempt, final, route, client_key_id, "
    "client_key, model, "
    "stream, exchange_status, exchange_error, exchange_us, overhead_us, queue_wait_us, bytes_in, bytes_out, "
    "upstream_request_id, backend_id, backend, pool, model_sent, status, error, reused_connection, "
    "connect_us, "
    "first_byte_us, attempt_us, input_tokens, output_tokens, cached_input_tokens, cache_write_tokens, "
    "reasoning_tokens, usage_source, cost_micro_usd) "
    "VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)";

std::int64_t us_of(base::Duration duration) {
  return std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
}

// Null for "there was none".
class NullableText {
 public:
  explicit NullableText(std::string_view text) : text_(text) {}
  explicit NullableText(std::optional<base::ErrorKind> error) : text_(error ? base::code_of(*error) : "") {}
  explicit operator bool() const { return !text_.empty(); }
  std::string_view operator*() const { return text_; }

 private:
  std::string_view text_;
};

}  // namespace

std::uint64_t AttemptsTable::insert(std::span<const telemetry::ExchangeRecord> records) {
  std::uint64_t added = 0;
  Query insert = db_.prepared(kInsert);
  for (const telemetry::ExchangeRecord& exchange : records) {
    const std::int64_t started_us = us_of(exchange.started.time_since_epoch());
    const auto& id = exchange.upstream_request_id;
    const std::string_view upstream_id(id.data(), ::strnlen(id.data(), id.size()));
    const auto count = static_cast<std::uint32_t>(exchange.attempts.size());
    for (std::uint32_t number = 1; number <= count; ++number) {
      const telemetry::AttemptRecord& attempt = exchange.attempts[number - 1];
      const base::Usage& usage = attempt.usage;
      const bool final = number == count;
      added += static_cast<std::uint64_t>(db_.rerun(
          insert, started_us, exchange.id.view(), number, final, exchange.route, exchange.client_key_id,
          exchange.client_key, exchange.model, exchange.stream, exchange.status, NullableText(exchange.error),
          us_of(exchange.total), us_of(exchange.overhead), us_of(exchange.queue_wait), exchange.bytes_in,
          exchange.bytes_out, NullableText(final ? upstream_id : std::string_view()), attempt.backend_id,
          attempt.backend, attempt.pool, attempt.model_sent, attempt.status, NullableText(attempt.error),
          attempt.reused_connection, us_of(attempt.connect), us_of(attempt.first_byte), us_of(attempt.total),
          usage.input_tokens, usage.output_tokens, usage.cached_input_tokens, usage.cache_write_tokens,
          usage.reasoning_tokens, name_of(usage.source), attempt.cost.value));
    }
  }
  return added;
}

int AttemptsTable::remove_before(base::WallTime moment, std::uint32_t limit) {
  return db_.change(
      "DELETE FROM attempts WHERE (started_us, request_id, attempt) IN "
      "(SELECT started_us, request_id, attempt FROM attempts WHERE started_us < ? ORDER BY started_us LIMIT "
      "?)",
      us_of(moment.time_since_epoch()), limit);
}

}  // namespace headworks::store
