#include "store/usage_sums.hpp"

#include <algorithm>

namespace headworks::store {
namespace {

constexpr std::size_t kMostRemembered = 4000;  // sums of one facet in one table

std::int64_t us_of(base::Duration duration) {
  return std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
}

base::Duration duration_of(std::int64_t us) { return std::chrono::microseconds{us}; }

SumKey narrowed(const SumKey& key, const Facet& facet, std::int64_t seconds) {
  return {.at_s = key.at_s / seconds * seconds,
          .model = facet.model ? key.model : 0,
          .backend = facet.backend ? key.backend : 0,
          .pool = facet.backend ? key.pool : 0,
          .client_key = facet.client_key ? key.client_key : 0};
}

}  // namespace

std::size_t SumKeyHash::operator()(const SumKey& key) const {
  std::size_t hash = 0;
  for (const std::int64_t part : {key.at_s, key.model, key.backend, key.pool, key.client_key})
    hash = (hash ^ static_cast<std::size_t>(part)) * 0x9E3779B97F4A7C15U + (hash >> 29);
  return hash;
}

std::optional<std::size_t> find_facet(bool model, bool backend, bool client_key) {
  for (std::size_t facet = 0; facet < kFacets.size(); ++facet)
    if (kFacets[facet].model >= model && kFacets[facet].backend >= backend && kFacets[facet].client_key >= client_key)
      return facet;
  return std::nullopt;
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

namespace {

void add_exchange(Sums& sums, bool failed, std::int64_t total_us, std::int64_t overhead_us, std::int64_t first_byte_us,
                  bool answered) {
  ++sums.exchanges;
  sums.errors += failed ? 1 : 0;
  sums.exchange_us += total_us;
  sums.overhead_us += overhead_us;
  sums.latency.add(duration_of(total_us));
  if (!answered || first_byte_us == 0) return;
  sums.first_byte_us += first_byte_us;
  sums.first_byte.add(duration_of(first_byte_us));
}

}  // namespace

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
  if (final)
    add_exchange(*this, exchange.error.has_value(), us_of(exchange.total), us_of(exchange.overhead),
                 us_of(attempt.first_byte), !attempt.error);
}

Sums read_attempt(const Query& query, int first_column) {
  const auto column = [first_column](int number) { return first_column + number; };
  Sums sums;
  sums.attempts = 1;
  sums.input_tokens = query.integer(column(2)), sums.output_tokens = query.integer(column(3));
  sums.cached_input_tokens = query.integer(column(4)), sums.cache_write_tokens = query.integer(column(5));
  sums.reasoning_tokens = query.integer(column(6)), sums.estimated = query.integer(column(7));
  sums.cost_micro_usd = query.integer(column(8));
  if (query.boolean(column(0)))
    add_exchange(sums, !query.is_null(column(1)), query.integer(column(9)), query.integer(column(10)),
                 query.integer(column(11)), query.is_null(column(12)));
  return sums;
}

Sums read_sums(const Query& query, int first_column) {
  Sums sums;
  add_sums(query, first_column, sums);
  return sums;
}

void add_sums(const Query& query, int first_column, Sums& sums) {
  int column = first_column;
  for (std::int64_t* value :
       {&sums.exchanges, &sums.errors, &sums.attempts, &sums.input_tokens, &sums.output_tokens, &sums.cached_input_tokens,
        &sums.cache_write_tokens, &sums.reasoning_tokens, &sums.estimated, &sums.cost_micro_usd, &sums.exchange_us,
        &sums.overhead_us, &sums.first_byte_us})
    *value += query.integer(column++);
  sums.latency.add_encoded(query.blob(column++));
  sums.first_byte.add_encoded(query.blob(column));
}

void UsageSums::begin(Connection& db) {
  if (!recovered_) {
    Query state = db.query("SELECT summed_batch, unsummed_since_us FROM usage_state");
    const bool there = state.next();
    const std::int64_t summed = there ? state.integer(0) : 0;
    batch_ = summed;
    if (there && !state.is_null(1)) {
      noted_since_us_ = state.integer(1);
      Query rows = db.query("SELECT started_us, model, backend, pool, client_key, batch, " + std::string(kAttemptColumns) +
                                " FROM attempt_rows WHERE started_us >= ? AND batch > ?",
                            *noted_since_us_, summed);
      while (rows.next()) {
        batch_ = std::max(batch_, rows.integer(5));
        pending(
            {.model = rows.integer(1), .backend = rows.integer(2), .pool = rows.integer(3), .client_key = rows.integer(4)},
            rows.integer(0))
            .add(read_attempt(rows, 6));
      }
    }
    recovered_ = true;
  }
  ++batch_;
}

Sums& UsageSums::pending(const SumKey& key, std::int64_t started_us) {
  SumKey minute = key;
  minute.at_s = started_us / 60'000'000 * 60;
  since_us_ = std::min(since_us_.value_or(started_us), started_us);
  return pending_[minute];
}

void UsageSums::end(Connection& db, bool sum) {
  if (sum) {
    write(db);
    db.change("UPDATE usage_state SET summed_batch = ?, unsummed_since_us = NULL", batch_);
    pending_.clear();
    since_us_.reset();
    noted_since_us_.reset();
  } else if (since_us_ && (!noted_since_us_ || *since_us_ < *noted_since_us_)) {
    db.change("UPDATE usage_state SET unsummed_since_us = ?", *since_us_);
    noted_since_us_ = since_us_;
  }
}

// Minutes from what is pending, hours from the minutes and, for pairs, from what is pending, days from the hours.
void UsageSums::write(Connection& db) {
  std::array<Level, kSumLevels.size()> fresh;
  for (const auto& [key, sums] : pending_)
    for (std::size_t facet = 0; facet < kFacets.size(); ++facet) {
      const std::size_t level = kFacets[facet].pair() ? 1 : 0;
      fresh[level][facet][narrowed(key, kFacets[facet], kSumLevels[level].seconds)].add(sums);
    }
  for (std::size_t level = 1; level < fresh.size(); ++level)
    for (std::size_t facet = 0; facet < kFacets.size(); ++facet)
      for (const auto& [key, sums] : fresh[level - 1][facet])
        fresh[level][facet][narrowed(key, kFacets[facet], kSumLevels[level].seconds)].add(sums);
  for (std::size_t level = 0; level < fresh.size(); ++level)
    for (std::size_t facet = 0; facet < kFacets.size(); ++facet)
      write_facet(db, kSumLevels[level], facet, fresh[level][facet], written_[level][facet]);
}

void UsageSums::write_facet(Connection& db, const SumLevel& level, std::size_t facet, const Table& fresh, Table& written) {
  const std::string table(level.table), columns(kSumColumns);
  Query insert = db.prepared("INSERT OR REPLACE INTO " + table + " (facet, at_s, model, backend, pool, client_key, " +
                             columns + ") VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)");
  for (const auto& [key, sums] : fresh) {
    auto known = written.find(key);
    if (known == written.end()) {
      Query found = db.query("SELECT " + columns + " FROM " + table +
                                 " WHERE facet = ? AND at_s = ? AND model = ? AND backend = ? AND pool = ? AND client_key = ?",
                             facet, key.at_s, key.model, key.backend, key.pool, key.client_key);
      known = written.emplace(key, found.next() ? read_sums(found, 0) : Sums{}).first;
    }
    Sums& all = known->second;
    all.add(sums);
    db.rerun(insert, facet, key.at_s, key.model, key.backend, key.pool, key.client_key, all.exchanges, all.errors,
             all.attempts, all.input_tokens, all.output_tokens, all.cached_input_tokens, all.cache_write_tokens,
             all.reasoning_tokens, all.estimated, all.cost_micro_usd, all.exchange_us, all.overhead_us, all.first_byte_us,
             all.latency.encode(), all.first_byte.encode());
  }
  if (written.size() > kMostRemembered) written.clear();
}

void UsageSums::forget() { *this = UsageSums{}; }

}  // namespace headworks::store
