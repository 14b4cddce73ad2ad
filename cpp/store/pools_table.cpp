#include "store/pools_table.hpp"

namespace headworks::store {
namespace {

#define POOL_COLUMNS "name, strategy, patience_seconds, position, source, sticky_by"

catalog::Pool read_row(const Query& row) {
  return {.name = row.string(0),
          .strategy = row.string(1),
          .patience_seconds = row.real(2),
          .sticky_by = row.string(5),
          .position = row.integer(3),
          .source = row.string(4)};
}

}  // namespace

std::vector<catalog::Pool> PoolsTable::list() {
  std::vector<catalog::Pool> rows;
  for (Query found = db_.query("SELECT " POOL_COLUMNS " FROM pools "
                               "ORDER BY position, rowid");
       found.next();)
    rows.push_back(read_row(found));
  return rows;
}

std::optional<catalog::Pool> PoolsTable::find(std::string_view name) {
  Query found =
      db_.query("SELECT " POOL_COLUMNS " FROM pools WHERE name = ?", name);
  if (!found.next()) return std::nullopt;
  return read_row(found);
}

void PoolsTable::put(const catalog::Pool& row) {
  db_.change(
      "INSERT INTO pools (" POOL_COLUMNS ") VALUES (?,?,?,?,?,?) "
      "ON CONFLICT (name) DO UPDATE SET strategy = excluded.strategy, "
      "patience_seconds = excluded.patience_seconds, position = excluded.position, source = excluded.source, "
      "sticky_by = excluded.sticky_by",
      row.name, row.strategy, row.patience_seconds, row.position, row.source, row.sticky_by);
}

bool PoolsTable::ensure(std::string_view name, std::string_view source) {
  return db_.change(
      "INSERT OR IGNORE INTO pools (name, position, source) "
      "VALUES (?, (SELECT ifnull(max(position), -1) + 1 FROM pools), ?)",
      name, source) != 0;
}

bool PoolsTable::remove(std::string_view name) {
  return db_.change("DELETE FROM pools WHERE name = ?", name) != 0;
}

bool PoolsTable::in_use(std::string_view name) {
  Query found = db_.query("SELECT 1 FROM backends WHERE pool = ? LIMIT 1", name);
  return found.next();
}

}  // namespace headworks::store
