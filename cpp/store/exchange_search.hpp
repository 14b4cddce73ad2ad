// Finding finished exchanges in the ledger, newest start first, a page at a time. What is looked for by key, model,
// backend, pool or error is found through the sums, which say in which minutes there is any; so a page takes
// milliseconds however long the ledger is. Reads only: a job of the ledger's reader.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "store/sqlite.hpp"
#include "store/usage_report.hpp"
#include "telemetry/exchange_record.hpp"

namespace headworks::store {

// A place in the ledger: everything that began before it is still to come. As text, for a client to hand back.
struct ExchangePlace {
  std::int64_t started_us = 0;
  std::string request_id;  // of those that began in this microsecond, the ones with a smaller id are to come
  static std::optional<ExchangePlace> parse(std::string_view text);
  std::string format() const;
};

struct ExchangeSearch {
  std::array<std::optional<std::string>, kUsageKeys.size()> only = {};  // by UsageKey; backend and pool: of any attempt
  bool errors = false;                                                  // only those that ended in one
  std::optional<std::uint16_t> status;                                  // what the client got
  std::optional<ExchangePlace> before;                                  // none: from the newest on
  base::WallTime since{};
  std::uint32_t limit = 100;
  base::Duration time_limit = std::chrono::milliseconds{30};  // after it a page ends early
};

struct ExchangePage {
  std::vector<telemetry::ExchangeRecord> exchanges;  // each owned by itself
  std::optional<ExchangePlace> next;                 // none: there are no more. A page may be short, or empty, and have one
};

ExchangePage search_exchanges(Connection& db, const ExchangeSearch& search);

}  // namespace headworks::store
