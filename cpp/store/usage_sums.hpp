// The tables usage_minutes, usage_hours and usage_days: what was used, by whom, of what, summed by the start of the
// exchange in UTC, in several facets. Sums are of whole batches of rows, and say of which; what is not in them yet is
// kept in memory for some seconds, and after a crash or a failed write is read from the rows again. So they are
// exact, and cost a fraction of what a write per row would.
//
// One for each connection that writes, used on its thread. What another one wrote meanwhile makes it forget() first:
// all that it knows stands in the file. Same rules as every *_table.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
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
  // One attempt; the final one brings its exchange.
  void add(const telemetry::ExchangeRecord& exchange, const telemetry::AttemptRecord& attempt, bool final);
};
// The columns of Sums in every table of sums, in this order, and the same from a query's columns on.
inline constexpr std::string_view kSumColumns =
    "exchanges, errors, attempts, input_tokens, output_tokens, cached_input_tokens, cache_write_tokens, "
    "reasoning_tokens, estimated, cost_micro_usd, exchange_us, overhead_us, first_byte_us, latency, first_byte";
Sums read_sums(const Query& query, int first_column);
void add_sums(const Query& query, int first_column, Sums& sums);
// The same of single rows: columns of attempt_rows that read_attempt() takes. `estimated`: as SQL, the numbers of the
// two names.
inline constexpr std::string_view kAttemptColumns =
    "final, exchange_error, input_tokens, output_tokens, cached_input_tokens, cache_write_tokens, reasoning_tokens, "
    "usage_source IN (SELECT id FROM names WHERE text IN ('estimated', 'partial')), cost_micro_usd, exchange_us, "
    "overhead_us, first_byte_us, error";
Sums read_attempt(const Query& query, int first_column);

// Whose sums: numbers of `names`; 0 where the facet does not ask.
struct SumKey {
  std::int64_t at_s = 0;
  std::int64_t model = 0, backend = 0, pool = 0, client_key = 0;
  bool operator==(const SumKey&) const = default;
};
struct SumKeyHash {
  std::size_t operator()(const SumKey& key) const;
};

// By what sums are taken apart; a backend always stands with its pool. Pairs are kept by hour and day only.
struct Facet {
  bool model, backend, client_key;
  bool pair() const { return int{model} + int{backend} + int{client_key} > 1; }
};
inline constexpr std::array kFacets = {Facet{false, false, false}, Facet{true, false, false}, Facet{false, true, false},
                                       Facet{false, false, true},  Facet{true, true, false},  Facet{true, false, true},
                                       Facet{false, true, true}};
// The facet that knows the least of what is asked for, as a number for the column; none: only the rows know.
std::optional<std::size_t> find_facet(bool model, bool backend, bool client_key);

class UsageSums {
 public:
  // Before the first row in a transaction: makes up for what a crash or a failed write left out.
  void begin(Connection& db);
  // The number of this write of rows.
  std::int64_t batch() const { return batch_; }
  // Where a row that started then is to be added.
  Sums& pending(const SumKey& key, std::int64_t started_us);
  // After the last row. `sum`: everything goes into the tables now; else it is noted that it did not yet.
  void end(Connection& db, bool sum);
  // False: rows are, or may be, in no sum yet.
  bool complete() const { return recovered_ && pending_.empty(); }
  // The transaction was rolled back, or somebody else has written.
  void forget();

 private:
  using Table = std::unordered_map<SumKey, Sums, SumKeyHash>;
  using Level = std::array<Table, kFacets.size()>;  // by facet
  void write(Connection& db);
  void write_facet(Connection& db, const SumLevel& level, std::size_t facet, const Table& fresh, Table& written);

  bool recovered_ = false;
  std::int64_t batch_ = 0;                        // of this transaction
  std::optional<std::int64_t> since_us_;          // the oldest row that is not in the tables
  std::optional<std::int64_t> noted_since_us_;    // as usage_state says
  Table pending_;                                 // by minute, of all names
  std::array<Level, kSumLevels.size()> written_;  // as they stand in the file: saves reading them
};

}  // namespace headworks::store
