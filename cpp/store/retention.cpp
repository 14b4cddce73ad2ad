#include "store/retention.hpp"

#include <algorithm>
#include <array>
#include <string>

namespace headworks::store {
namespace {

struct Aging {
  std::string table;
  std::string column;  // the first of its key
  std::int64_t units_per_second;
  std::uint32_t days;
};

// The key begins with the time, so the oldest rows are the first ones.
int forget(Connection& db, const Aging& aging, base::WallTime now, std::uint32_t limit) {
  if (aging.days == 0) return 0;
  const auto now_s = std::chrono::floor<std::chrono::seconds>(now.time_since_epoch()).count();
  const std::int64_t due = (now_s - std::int64_t{aging.days} * 86'400) * aging.units_per_second;
  const auto oldest = db.find_integer("SELECT min(" + aging.column + ") FROM " + aging.table);
  if (!oldest || *oldest >= due) return 0;
  Query last = db.query("SELECT " + aging.column + " FROM " + aging.table + " ORDER BY " + aging.column + " LIMIT 1 OFFSET ?", limit);
  const std::int64_t until = last.next() ? std::min(due, last.integer(0) + 1) : due;
  return db.change("DELETE FROM " + aging.table + " WHERE " + aging.column + " < ?", until);
}

}  // namespace

int forget_oldest(Connection& db, const catalog::Settings::Retention& keep, base::WallTime now, std::uint32_t limit) {
  const std::array<Aging, 3> all = {{{"attempt_rows", "started_us", 1'000'000, keep.exchanges_days},
                                     {"usage_minutes", "at_s", 1, keep.minutes_days},
                                     {"usage_hours", "at_s", 1, keep.hours_days}}};
  for (const Aging& aging : all)
    if (const int gone = forget(db, aging, now, limit); gone > 0) return gone;
  return 0;
}

}  // namespace headworks::store
