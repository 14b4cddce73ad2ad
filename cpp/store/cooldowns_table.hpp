// The table `cooldowns`: running and past, with cause. Times are wall times: a cooldown goes on across a
// restart. Same rules as every *_table.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "store/sqlite.hpp"

namespace headworks::store {

struct CooldownRow {
  std::int64_t id = 0;  // given by the table
  std::string backend_id;
  std::optional<std::string> model = {};       // none: the whole backend
  std::string scope = "backend";               // model | backend | address
  std::string cause = "rate_limited";          // rate_limited | quota | failing | auth | by_hand | hook
  std::string duration_source = "formula";     // header | body | formula | hand
  std::optional<std::string> request_id = {};  // the exchange that met it
  std::int64_t consecutive = 0;                // the how-manieth 429 in a row
  base::WallTime started{};
  base::WallTime until{};
  std::optional<base::WallTime> ended = {};  // cleared before its time
};

class CooldownsTable {
 public:
  explicit CooldownsTable(Connection& db) : db_(db) {}
  std::int64_t add(const CooldownRow& row);
  bool has(const CooldownRow& row);  // of the same backend and model, with the same beginning and end
  // Ends what still runs at `now`: of the backend with all its models, or of the backend as a whole (no model)
  // or this one model alone; how many there were.
  int end_all(std::string_view backend_id, base::WallTime now);
  int end(std::string_view backend_id, const std::optional<std::string>& model, base::WallTime now);
  std::vector<CooldownRow> running(base::WallTime now);                     // the longest first
  std::vector<CooldownRow> list(std::int64_t before, std::uint32_t limit);  // newest first; before 0: all

 private:
  Connection& db_;
};

}  // namespace headworks::store
