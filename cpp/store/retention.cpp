#include "store/retention.hpp"

#include <algorithm>
#include <string>

#include "store/usage_sums.hpp"

namespace headworks::store {
namespace {

std::int64_t due_of(base::WallTime now, std::uint32_t days) {
  return std::chrono::floor<std::chrono::seconds>(now.time_since_epoch()).count() - std::int64_t{days} * 86'400;
}

// The keys begin with the time, so the oldest rows are the first ones.
int forget_rows(Connection& db, std::int64_t due_us, std::uint32_t limit) {
  const auto oldest = db.find_integer("SELECT min(started_us) FROM attempt_rows");
  if (!oldest || *oldest >= due_us) return 0;
  Query last = db.query("SELECT started_us FROM attempt_rows ORDER BY started_us LIMIT 1 OFFSET ?", limit);
  return db.change("DELETE FROM attempt_rows WHERE started_us < ?", last.next() ? std::min(due_us, last.integer(0) + 1) : due_us);
}

int forget_sums(Connection& db, std::string_view table, std::int64_t due_s, std::uint32_t limit) {
  const std::string from(table);
  for (std::size_t facet = 0; facet < kFacets.size(); ++facet) {
    Query last = db.query("SELECT at_s FROM " + from + " WHERE facet = ? ORDER BY at_s LIMIT 1 OFFSET ?", facet, limit);
    const std::int64_t until = last.next() ? std::min(due_s, last.integer(0) + 1) : due_s;
    if (const int gone = db.change("DELETE FROM " + from + " WHERE facet = ? AND at_s < ?", facet, until); gone > 0) return gone;
  }
  return 0;
}

}  // namespace

int forget_oldest(Connection& db, const catalog::Settings::Retention& keep, base::WallTime now, std::uint32_t limit) {
  int gone = 0;
  if (keep.exchanges_days != 0) gone = forget_rows(db, due_of(now, keep.exchanges_days) * 1'000'000, limit);
  if (gone == 0 && keep.minutes_days != 0) gone = forget_sums(db, "usage_minutes", due_of(now, keep.minutes_days), limit);
  if (gone == 0 && keep.hours_days != 0) gone = forget_sums(db, "usage_hours", due_of(now, keep.hours_days), limit);
  return gone;
}

}  // namespace headworks::store
