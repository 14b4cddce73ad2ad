// The tables usage_minutes, usage_hours and usage_days: what was used by whom, of what, summed by the start of the
// exchange in UTC, written together with the rows that it is the sum of. What was written lately is remembered, so
// that a batch writes a row of each without reading it; so there may be only one UsageSums on a file: the
// writer's. Same rules as every *_table.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "store/sqlite.hpp"
#include "telemetry/exchange_record.hpp"
#include "telemetry/latency_sketch.hpp"

namespace headworks::store {

// A table of sums and its step.
struct SumLevel {
  std::string_view table;
  std::int64_t seconds;
};
inline constexpr std::array kSumLevels = {SumLevel{"usage_minutes", 60}, SumLevel{"usage_hours", 3600},
                                          SumLevel{"usage_days", 86'400}};

// What is summed up. Attempts count in `attempts`, `estimated`, tokens and cost; the rest is of exchanges.
struct Sums {
  std::int64_t exchanges = 0, errors = 0, attempts = 0;
  std::int64_t input_tokens = 0, output_tokens = 0, cached_input_tokens = 0, cache_write_tokens = 0, reasoning_tokens = 0;
  std::int64_t estimated = 0;  // attempts whose tokens the upstream did not report
  std::int64_t cost_micro_usd = 0;
  std::int64_t exchange_us = 0, overhead_us = 0, first_byte_us = 0;
  telemetry::LatencySketch latency;     // of exchanges
  telemetry::LatencySketch first_byte;  // of their answers, counted from the last attempt's start

  void add(const Sums& other);
  void add(const telemetry::ExchangeRecord& exchange, const telemetry::AttemptRecord& attempt, bool final);
};
// The columns of Sums in every table of sums, in this order, and the same from a query's columns on.
inline constexpr std::string_view kSumColumns =
    "exchanges, errors, attempts, input_tokens, output_tokens, cached_input_tokens, cache_write_tokens, "
    "reasoning_tokens, estimated, cost_micro_usd, exchange_us, overhead_us, first_byte_us, latency, first_byte";
Sums read_sums(const Query& query, int first_column);

// Whose sums: numbers of `names`.
struct SumKey {
  std::int64_t at_s = 0;
  std::int64_t client_key = 0, model = 0, backend = 0, pool = 0;
  bool operator==(const SumKey&) const = default;
};
struct SumKeyHash {
  std::size_t operator()(const SumKey& key) const;
};

class UsageSums {
 public:
  void add(const SumKey& minute, const telemetry::ExchangeRecord& exchange, const telemetry::AttemptRecord& attempt,
           bool final) {
    batch_[minute].add(exchange, attempt, final);
  }
  // Writes what was added since the last write. REQUIRES the transaction that wrote the rows.
  void write(Connection& db);
  // A transaction was rolled back.
  void forget();

 private:
  using Table = std::unordered_map<SumKey, Sums, SumKeyHash>;
  void write_level(Connection& db, const SumLevel& level, Table& written);

  Table batch_;                                // by minute
  std::array<Table, kSumLevels.size()> written_;  // as they stand in the file
};

}  // namespace headworks::store
