#include "store/cooldowns_table.hpp"

#include <limits>

namespace headworks::store {
namespace {

#define COOLDOWN_COLUMNS \
  "id, backend_id, model, cause, duration_source, request_id, consecutive, started_ms, until_ms, ended_ms, scope"

std::int64_t ms_of(base::WallTime at) {
  return std::chrono::floor<std::chrono::milliseconds>(at.time_since_epoch()).count();
}
base::WallTime time_of(std::int64_t ms) { return base::WallTime{std::chrono::milliseconds{ms}}; }

std::vector<CooldownRow> collect(Query found) {
  std::vector<CooldownRow> rows;
  while (found.next())
    rows.push_back({.id = found.integer(0),
                    .backend_id = found.string(1),
                    .model = found.optional_text(2),
                    .scope = found.string(10),
                    .cause = found.string(3),
                    .duration_source = found.string(4),
                    .request_id = found.optional_text(5),
                    .consecutive = found.integer(6),
                    .started = time_of(found.integer(7)),
                    .until = time_of(found.integer(8)),
                    .ended = found.is_null(9) ? std::nullopt : std::optional(time_of(found.integer(9)))});
  return rows;
}

}  // namespace

std::int64_t CooldownsTable::add(const CooldownRow& row) {
  db_.change(
      "INSERT INTO cooldowns (backend_id, model, cause, duration_source, request_id, consecutive, "
      "started_ms, "
      "until_ms, scope) VALUES (?,?,?,?,?,?,?,?,?)",
      row.backend_id, row.model, row.cause, row.duration_source, row.request_id, row.consecutive,
      ms_of(row.started), ms_of(row.until), row.scope);
  return db_.last_rowid();
}

bool CooldownsTable::has(const CooldownRow& row) {
  Query found = db_.query(
      "SELECT 1 FROM cooldowns WHERE backend_id = ? AND model IS ? AND started_ms = ? AND until_ms = ?", row.backend_id,
      row.model, ms_of(row.started), ms_of(row.until));
  return found.next();
}

int CooldownsTable::end_all(std::string_view backend_id, base::WallTime now) {
  return db_.change(
      "UPDATE cooldowns SET ended_ms = ? WHERE backend_id = ? AND ended_ms IS NULL AND until_ms > ?",
      ms_of(now), backend_id, ms_of(now));
}

int CooldownsTable::end(std::string_view backend_id, const std::optional<std::string>& model,
                        base::WallTime now) {
  return db_.change(
      "UPDATE cooldowns SET ended_ms = ? "
      "WHERE backend_id = ? AND model IS ? AND ended_ms IS NULL AND until_ms > ?",
      ms_of(now), backend_id, model, ms_of(now));
}

std::vector<CooldownRow> CooldownsTable::running(base::WallTime now) {
  return collect(db_.query("SELECT " COOLDOWN_COLUMNS
                           " FROM cooldowns WHERE ended_ms IS NULL AND until_ms > ? "
                           "ORDER BY until_ms DESC",
                           ms_of(now)));
}

std::vector<CooldownRow> CooldownsTable::list(std::int64_t before, std::uint32_t limit) {
  const std::int64_t end = before == 0 ? std::numeric_limits<std::int64_t>::max() : before;
  return collect(db_.query("SELECT " COOLDOWN_COLUMNS " FROM cooldowns WHERE id < ? ORDER BY id DESC LIMIT ?",
                           end, limit));
}

}  // namespace headworks::store
