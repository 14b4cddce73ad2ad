#include "store/usage_sums.hpp"



namespace headworks::store {
namespace {

constexpr std::size_t kMostRemembered = 2000;  // rows of one table

std::int64_t us_of(base::Duration duration) {
  return std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
}

}  // namespace

std::size_t SumKeyHash::operator()(const SumKey& key) const {
  std::size_t hash = 0;
  for (const std::int64_t part : {key.at_s, key.client_key, key.model, key.backend, key.pool})
    hash = (hash ^ static_cast<std::size_t>(part)) * 0x9E3779B97F4A7C15U + (hash >> 29);
  return hash;
}

void Sums::add(const Sums& other) {
  exchanges += other.exchanges, errors += other.errors, attempts += other.attempts;
  input_tokens += other.input_tokens, output_tokens += other.output_tokens;
  cached_input_tokens += other.cached_input_tokens, cache_write_tokens += other.cache_write_tokens;
  reasoning_tokens += other.reasoning_tokens, estimated += other.estimated, cost_micro_usd += other.cost_micro_usd;
  exchange_us += other.exchange_us, overhead_us += other.overhead_us, first_byte_us += other.first_byte_us;
  latency.add(other.latency);
  first_byte.add(other.first_byte);
}

void Sums::add(const telemetry::ExchangeRecord& exchange, const telemetry::AttemptRecord& attempt, bool final) {
  const base::Usage& usage = attempt.usage;
  ++attempts;
  input_tokens += static_cast<std::int64_t>(usage.input_tokens);
  output_tokens += static_cast<std::int64_t>(usage.output_tokens);
  cached_input_tokens += static_cast<std::int64_t>(usage.cached_input_tokens);
  cache_write_tokens += static_cast<std::int64_t>(usage.cache_write_tokens);
  reasoning_tokens += static_cast<std::int64_t>(usage.reasoning_tokens);
  estimated += usage.source == base::UsageSource::estimated || usage.source == base::UsageSource::partial ? 1 : 0;
  cost_micro_usd += attempt.cost.value;
  if (!final) return;
  ++exchanges;
  errors += exchange.error ? 1 : 0;
  exchange_us += us_of(exchange.total);
  overhead_us += us_of(exchange.overhead);
  latency.add(exchange.total);
  if (attempt.error || attempt.first_byte == base::Duration{}) return;
  first_byte_us += us_of(attempt.first_byte);
  first_byte.add(attempt.first_byte);
}

Sums read_sums(const Query& query, int first_column) {
  Sums sums;
  int column = first_column;
  for (std::int64_t* value :
       {&sums.exchanges, &sums.errors, &sums.attempts, &sums.input_tokens, &sums.output_tokens, &sums.cached_input_tokens,
        &sums.cache_write_tokens, &sums.reasoning_tokens, &sums.estimated, &sums.cost_micro_usd, &sums.exchange_us,
        &sums.overhead_us, &sums.first_byte_us})
    *value = query.integer(column++);
  sums.latency.add_encoded(query.blob(column++));
  sums.first_byte.add_encoded(query.blob(column));
  return sums;
}

void UsageSums::write_level(Connection& db, const SumLevel& level, Table& written) {
  Table fresh;
  for (const auto& [minute, sums] : batch_) {
    SumKey key = minute;
    key.at_s = minute.at_s / level.seconds * level.seconds;
    fresh[key].add(sums);
  }
  const std::string table(level.table);
  Query insert = db.prepared("INSERT OR REPLACE INTO " + table + " (at_s, client_key, model, backend, pool, " +
                             std::string(kSumColumns) + ") VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)");
  for (const auto& [key, sums] : fresh) {
    auto known = written.find(key);
    if (known == written.end()) {
      Query found = db.query("SELECT " + std::string(kSumColumns) + " FROM " + table +
                                 " WHERE at_s = ? AND client_key = ? AND model = ? AND backend = ? AND pool = ?",
                             key.at_s, key.client_key, key.model, key.backend, key.pool);
      known = written.emplace(key, found.next() ? read_sums(found, 0) : Sums{}).first;
    }
    Sums& all = known->second;
    all.add(sums);
    db.rerun(insert, key.at_s, key.client_key, key.model, key.backend, key.pool, all.exchanges, all.errors, all.attempts,
             all.input_tokens, all.output_tokens, all.cached_input_tokens, all.cache_write_tokens, all.reasoning_tokens,
             all.estimated, all.cost_micro_usd, all.exchange_us, all.overhead_us, all.first_byte_us,
             all.latency.encode(), all.first_byte.encode());
  }
  if (written.size() > kMostRemembered) written.clear();
}

void UsageSums::write(Connection& db) {
  if (batch_.empty()) return;
  for (std::size_t level = 0; level < kSumLevels.size(); ++level) write_level(db, kSumLevels[level], written_[level]);
  batch_.clear();
}

void UsageSums::forget() {
  batch_.clear();
  for (Table& table : written_) table.clear();
}

}  // namespace headworks::store
