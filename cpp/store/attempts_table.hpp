// The ledger: one row per attempt, written exactly once. Its table is attempt_rows, whose texts stand in `names`; the
// view `attempts` reads it with its texts.
// An exchange without any attempt (401, 404, no backend free) has no row: nothing was used. The metrics count
// it. Same rules as every *_table: runs inside a job, throws StorageFailure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/clock.hpp"
#include "store/names_table.hpp"
#include "store/sqlite.hpp"
#include "store/usage_sums.hpp"
#include "telemetry/exchange_record.hpp"

namespace headworks::store {

class AttemptsTable {
 public:
  explicit AttemptsTable(Connection& db) : db_(db) {}

  // All attempts of these exchanges, and what they add to the sums. Rows that are there already stay as they are and add
  // nothing. The number of new rows. REQUIRES a transaction, and sums.end() in it; when it fails, both must forget().
  std::uint64_t insert(std::span<const telemetry::ExchangeRecord> records, Names& names, UsageSums& sums);

  // One exchange with all its attempts, owned by itself; none: unknown, or it had no attempt.
  std::optional<telemetry::ExchangeRecord> find(std::string_view request_id);

 private:
  Connection& db_;
};

}  // namespace headworks::store
