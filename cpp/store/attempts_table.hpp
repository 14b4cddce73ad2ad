// The table `attempts` of usage.db: the ledger, one row per attempt, written exactly once.
// An exchange without any attempt (401, 404, no backend free) has no row: nothing was used. The metrics count
// it. Same rules as every *_table: runs inside a job, throws StorageFailure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/clock.hpp"
#include "store/sqlite.hpp"
#include "telemetry/exchange_record.hpp"

namespace headworks::store {

class AttemptsTable {
 public:
  explicit AttemptsTable(Connection& db) : db_(db) {}

  // All attempts of these exchanges. Rows that are there already stay as they are. The number of new rows.
  // REQUIRES a transaction.
  std::uint64_t insert(std::span<const telemetry::ExchangeRecord> records);

  // One exchange with all its attempts, owned by itself; none: unknown, or it had no attempt.
  std::optional<telemetry::ExchangeRecord> find(std::string_view request_id);

  // Forgets what started before this moment, at most `limit` rows at a time; how many went.
  int remove_before(base::WallTime moment, std::uint32_t limit);

 private:
  Connection& db_;
};

}  // namespace headworks::store
