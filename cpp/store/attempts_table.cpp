#include "store/attempts_table.hpp"

#include <algorithm>
#include <cstring>
#include <deque>
#include <limits>
#include <memory>

#include "base/error.hpp"
#include "store/plan_text.hpp"

namespace headworks::store {
namespace {

constexpr std::string_view kInsert =
    "INSERT OR IGNORE INTO attempt_rows (started_us, request_id, attempt, final, route, client_key_id, client_key, "
    "model, stream, exchange_status, exchange_error, exchange_us, overhead_us, queue_wait_us, bytes_in, bytes_out, "
    "upstream_request_id, backend_id, backend, pool, model_sent, status, error, reused_connection, connect_us, "
    "first_byte_us, attempt_us, input_tokens, output_tokens, cached_input_tokens, cache_write_tokens, "
    "reasoning_tokens, usage_source, cost_micro_usd, attempt_at_us, plan, revision, batch) "
    "VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)";

std::int64_t us_of(base::Duration duration) {
  return std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
}

base::Duration duration_of(std::int64_t us) { return std::chrono::microseconds{us}; }

// Null for "there was none".
class NullableText {
 public:
  explicit NullableText(std::string_view text) : text_(text) {}
  explicit operator bool() const { return !text_.empty(); }
  std::string_view operator*() const { return text_; }

 private:
  std::string_view text_;
};

// The number of a column's text, which mostly is the text of the row before.
class Column {
 public:
  Column(Connection& db, Names& names) : db_(db), names_(names) {}
  std::int64_t id(std::string_view text) {
    if (id_ == 0 || text != text_) {
      id_ = names_.id_of(db_, text);
      text_ = text;
    }
    return id_;
  }

 private:
  Connection& db_;
  Names& names_;
  std::string text_;
  std::int64_t id_ = 0;
};

}  // namespace

std::uint64_t AttemptsTable::insert(std::span<const telemetry::ExchangeRecord> records, Names& names, UsageSums& sums) {
  std::uint64_t added = 0;
  sums.begin(db_);
  Query insert = db_.prepared(kInsert);
  Column route(db_, names), key_id(db_, names), key(db_, names), model(db_, names), backend_id(db_, names),
      backend(db_, names), pool(db_, names), model_sent(db_, names), source(db_, names);
  const auto id_of = [&](std::optional<base::ErrorKind> error) {
    return error ? std::optional(names.id_of(db_, base::code_of(*error))) : std::nullopt;
  };
  for (const telemetry::ExchangeRecord& exchange : records) {
    const std::int64_t started_us = us_of(exchange.started.time_since_epoch());
    const auto& id = exchange.upstream_request_id;
    const std::string_view upstream_id(id.data(), ::strnlen(id.data(), id.size()));
    const auto count = static_cast<std::uint32_t>(exchange.attempts.size());
    const std::string plan = exchange.plan.empty() ? std::string() : format_plan(exchange.plan);
    const std::optional<std::int64_t> exchange_error = id_of(exchange.error);
    for (std::uint32_t number = 1; number <= count; ++number) {
      const telemetry::AttemptRecord& attempt = exchange.attempts[number - 1];
      const base::Usage& usage = attempt.usage;
      const bool final = number == count;
      const SumKey whose{.model = model.id(exchange.model),
                         .backend = backend.id(attempt.backend),
                         .pool = pool.id(attempt.pool),
                         .client_key = key.id(exchange.client_key)};
      const int rows = db_.rerun(
          insert, started_us, exchange.id.view(), number, final, route.id(exchange.route),
          key_id.id(exchange.client_key_id), whose.client_key, whose.model, exchange.stream, exchange.status,
          exchange_error, us_of(exchange.total), us_of(exchange.overhead), us_of(exchange.queue_wait), exchange.bytes_in,
          exchange.bytes_out, NullableText(final ? upstream_id : std::string_view()), backend_id.id(attempt.backend_id),
          whose.backend, whose.pool, model_sent.id(attempt.model_sent), attempt.status, id_of(attempt.error),
          attempt.reused_connection, us_of(attempt.connect), us_of(attempt.first_byte), us_of(attempt.total),
          usage.input_tokens, usage.output_tokens, usage.cached_input_tokens, usage.cache_write_tokens,
          usage.reasoning_tokens, source.id(name_of(usage.source)), attempt.cost.value, us_of(attempt.started),
          NullableText(final ? plan : std::string_view()), exchange.revision, sums.batch());
      if (rows == 0) continue;  // it was there already, and is in the sums
      ++added;
      sums.pending(whose, started_us).add(exchange, attempt, final);
    }
  }
  return added;
}

// The id says in which millisecond it began, and the key begins with that.
std::optional<telemetry::ExchangeRecord> AttemptsTable::find(std::string_view request_id) {
  const auto began = base::RequestId::find_start(request_id);
  if (!began) return std::nullopt;
  const std::int64_t from = us_of(began->time_since_epoch());
  Query found = db_.query(
      "SELECT started_us, route, client_key_id, client_key, model, stream, exchange_status, exchange_error, "
      "exchange_us, overhead_us, queue_wait_us, bytes_in, bytes_out, upstream_request_id, plan, backend_id, backend, "
      "pool, model_sent, status, error, reused_connection, connect_us, first_byte_us, attempt_us, input_tokens, "
      "output_tokens, cached_input_tokens, cache_write_tokens, reasoning_tokens, usage_source, cost_micro_usd, "
      "attempt_at_us, revision FROM attempts "
      "WHERE started_us >= ? AND started_us < ? AND request_id = ? ORDER BY attempt",
      from, from + 1000, request_id);
  std::optional<telemetry::ExchangeRecord> record;
  auto texts = std::make_shared<std::deque<std::string>>();  // stands still while it grows
  const auto keep = [&](int column) -> std::string_view { return texts->emplace_back(found.text(column)); };
  const auto kind = [&](int column) {
    return found.is_null(column) ? std::nullopt : base::find_error_kind(found.text(column));
  };
  const auto count = [&](int column) { return static_cast<std::uint64_t>(found.integer(column)); };
  while (found.next()) {
    if (!record) {
      record.emplace();
      record->id = *base::RequestId::parse(request_id);
      record->started = base::WallTime{std::chrono::microseconds{found.integer(0)}};
      record->route = keep(1), record->client_key_id = keep(2), record->client_key = keep(3), record->model = keep(4);
      record->stream = found.boolean(5);
      record->status = static_cast<std::uint16_t>(found.integer(6));
      record->error = kind(7);
      record->total = duration_of(found.integer(8)), record->overhead = duration_of(found.integer(9));
      record->queue_wait = duration_of(found.integer(10));
      record->bytes_in = count(11), record->bytes_out = count(12);
      record->revision = count(33);
      record->keep_alive = texts;
    }
    const std::string_view upstream_id = found.text(13).substr(0, record->upstream_request_id.size() - 1);
    std::copy(upstream_id.begin(), upstream_id.end(), record->upstream_request_id.begin());
    if (!found.is_null(14)) record->plan = parse_plan(found.text(14), *texts);
    telemetry::AttemptRecord attempt;
    attempt.backend_id = keep(15), attempt.backend = keep(16), attempt.pool = keep(17), attempt.model_sent = keep(18);
    attempt.status = static_cast<std::uint16_t>(found.integer(19));
    attempt.error = kind(20);
    attempt.reused_connection = found.boolean(21);
    attempt.connect = duration_of(found.integer(22)), attempt.first_byte = duration_of(found.integer(23));
    attempt.total = duration_of(found.integer(24));
    attempt.usage.input_tokens = count(25), attempt.usage.output_tokens = count(26);
    attempt.usage.cached_input_tokens = count(27), attempt.usage.cache_write_tokens = count(28);
    attempt.usage.reasoning_tokens = count(29);
    attempt.usage.source = base::find_usage_source(found.text(30)).value_or(base::UsageSource::none);
    attempt.cost.value = found.integer(31);
    attempt.started = duration_of(found.integer(32));
    attempt.score = std::numeric_limits<float>::quiet_NaN();  // not kept
    record->attempts.push_back(attempt);
  }
  return record;
}

}  // namespace headworks::store
