#include "store/audit_table.hpp"

#include <algorithm>
#include <limits>

namespace headworks::store {
namespace {

#define AUDIT_COLUMNS "id, revision, at, actor, action, target, before_json, after_json"

constexpr std::int64_t kNoEnd = std::numeric_limits<std::int64_t>::max();

Revision read_revision(const Query& row) {
  return {.number = static_cast<std::uint64_t>(row.integer(0)),
          .at = row.string(1),
          .actor = row.string(2),
          .summary = row.string(3)};
}

AuditRow read_row(const Query& found) {
  return {.id = found.integer(0),
          .revision = static_cast<std::uint64_t>(found.integer(1)),
          .at = found.string(2),
          .actor = found.string(3),
          .action = found.string(4),
          .target = found.string(5),
          .before_json = found.optional_text(6),
          .after_json = found.optional_text(7)};
}

std::vector<AuditRow> collect(Query found) {
  std::vector<AuditRow> rows;
  while (found.next()) rows.push_back(read_row(found));
  return rows;
}

}  // namespace

std::uint64_t AuditTable::latest_revision() {
  return static_cast<std::uint64_t>(
      db_.find_integer("SELECT ifnull(max(number), 0) FROM revisions").value_or(0));
}

void AuditTable::add_revision(const Revision& revision) {
  db_.change("INSERT INTO revisions (number, at, actor, summary) VALUES (?,?,?,?)", revision.number,
             revision.at, revision.actor, revision.summary);
}

// Every field with its length before it, so that none can run into the next.
vault::KeyDigest AuditTable::digest_of(Blob previous, const AuditRow& row) const {
  std::string text = "audit\n";
  text.append(reinterpret_cast<const char*>(previous.data()), previous.size());
  const auto add = [&text](std::string_view field) { text.append(std::to_string(field.size())).append(":").append(field); };
  add(std::to_string(row.revision));
  for (const std::string_view field : {row.at, row.actor, row.action, row.target}) add(field);
  for (const auto* json : {&row.before_json, &row.after_json}) {
    if (*json) add(**json);
    else text.append("-");
  }
  return hasher_.digest(text);
}

void AuditTable::add(const AuditRow& row) {
  vault::KeyDigest digest{};
  {
    Query last = db_.query("SELECT chain FROM audit ORDER BY id DESC LIMIT 1");
    digest = digest_of(last.next() ? last.blob(0) : Blob{}, row);
  }
  db_.change(
      "INSERT INTO audit (revision, at, actor, action, target, before_json, after_json, chain) VALUES "
      "(?,?,?,?,?,?,?,?)",
      row.revision, row.at, row.actor, row.action, row.target, row.before_json, row.after_json, digest);
}

std::optional<std::int64_t> AuditTable::find_broken() {
  vault::KeyDigest last{};
  Blob previous;
  for (Query found = db_.query("SELECT " AUDIT_COLUMNS ", chain FROM audit ORDER BY id"); found.next();) {
    if (previous.empty() && found.is_null(8)) continue;  // older than the chain
    const AuditRow row = read_row(found);
    last = digest_of(previous, row);
    previous = last;
    if (!std::ranges::equal(found.blob(8), previous)) return row.id;
  }
  return std::nullopt;
}

std::vector<Revision> AuditTable::revisions(std::uint64_t before, std::uint32_t limit) {
  std::vector<Revision> rows;
  for (Query found = db_.query("SELECT number, at, actor, summary FROM revisions WHERE number < ? "
                               "ORDER BY number DESC LIMIT ?",
                               before == 0 ? kNoEnd : static_cast<std::int64_t>(before), limit);
       found.next();)
    rows.push_back(read_revision(found));
  return rows;
}

std::optional<Revision> AuditTable::find_revision(std::uint64_t number) {
  Query found = db_.query("SELECT number, at, actor, summary FROM revisions WHERE number = ?", number);
  if (!found.next()) return std::nullopt;
  return read_revision(found);
}

std::vector<AuditRow> AuditTable::edits_of(std::uint64_t revision) {
  return collect(db_.query("SELECT " AUDIT_COLUMNS " FROM audit WHERE revision = ? ORDER BY id", revision));
}

std::vector<AuditRow> AuditTable::edits_after(std::uint64_t revision) {
  return collect(db_.query("SELECT " AUDIT_COLUMNS " FROM audit WHERE revision > ? ORDER BY id", revision));
}

std::vector<AuditRow> AuditTable::list(std::int64_t before, std::uint32_t limit) {
  return collect(db_.query("SELECT " AUDIT_COLUMNS " FROM audit WHERE id < ? ORDER BY id DESC LIMIT ?",
                           before == 0 ? kNoEnd : before, limit));
}

}  // namespace headworks::store
