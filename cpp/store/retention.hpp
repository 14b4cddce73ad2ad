// Forgetting: rows of the ledger and sums by minute and hour that are older than the settings keep. In small steps, each a
// job of the writer, so that new rows are never held up; freed pages are used again, the file is never rewritten.
#pragma once

#include <cstdint>

#include "base/clock.hpp"
#include "catalog/rows.hpp"
#include "store/sqlite.hpp"

namespace headworks::store {

// Removes about `limit` of the oldest rows of one table that are due at `now`; how many went. 0: nothing is due.
int forget_oldest(Connection& db, const catalog::Settings::Retention& keep, base::WallTime now, std::uint32_t limit);

}  // namespace headworks::store
