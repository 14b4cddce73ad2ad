#include "store/sidecar_schema.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "store/backends_table.hpp"
#include "wire/url.hpp"

namespace headworks::store {
namespace {

// An identifier of a file that is not ours, quoted.
std::string quoted(std::string_view name) {
  std::string out = "\"";
  for (const char c : name) out.append(c == '"' ? 2 : 1, c);
  return out += '"';
}

std::vector<std::string> names_in(Connection& db, std::string_view sql) {
  std::vector<std::string> names;
  for (Query found = db.query(sql); found.next();) names.push_back(found.string(0));
  return names;
}

struct SidecarRow {
  std::map<std::string, std::string, std::less<>> values;

  std::string text(std::string_view column, std::string_view fallback = {}) const {
    const auto found = values.find(column);
    return found == values.end() || found->second.empty() ? std::string(fallback) : found->second;
  }
  double number(std::string_view column, double fallback, double least) const {
    const std::string value = text(column);
    return value.empty() ? fallback : std::max(least, std::strtod(value.c_str(), nullptr));
  }
};

std::string free_name(const SidecarRow& row, const std::string& id, std::set<std::string>& taken) {
  const std::string wanted = row.text("name", id);
  std::string name = wanted;
  for (int number = 2; !taken.insert(name).second; ++number) name = wanted + "-" + std::to_string(number);
  return name;
}

std::string object_or_empty(const std::string& json) { return is_json_object(json) ? json : "{}"; }

void insert(Connection& db, const SidecarRow& row, std::set<std::string>& taken) {
  const std::string id = row.text("id", make_id("bkd_"));
  const std::string pool = row.text("pool", "primary");
  db.change(
      "INSERT OR IGNORE INTO pools (name, position, source) "
      "VALUES (?, (SELECT max(position) + 1 FROM pools), 'import')",
      pool);
  const auto api = find_api_alias(row.text("api", "openai"));
  const std::string url = row.text("api_base_url");
  const bool works = api && wire::parse_url(url).has_value();
  std::string status = row.text("status", "healthy");
  if (!catalog::find_backend_status(status)) status = "healthy";
  if (!works) status = "error";
  const auto until = row.values.find("cooldown_until");
  db.change(
      "INSERT INTO backends (id, name, label, api_base_url, api_key_encrypted, api, timeout_seconds, "
      "rpm_limit, pool, "
      "enabled, status, model_mappings_json, source, cooldown_until, consecutive_429_count, metadata_json, "
      "created_at, "
      "updated_at) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
      id, free_name(row, id, taken), row.text("label"), url, row.text("api_key_encrypted"),
      name_of(api.value_or(catalog::Api::openai)), row.number("timeout_seconds", 120, 0.1),
      static_cast<std::int64_t>(row.number("rpm_limit", 0, 0)), pool,
      works && row.number("enabled", 1, 0) != 0, status, object_or_empty(row.text("model_mappings_json")),
      row.text("source", "import"),
      until == row.values.end() || until->second.empty() ? std::nullopt : std::optional(until->second),
      static_cast<std::int64_t>(row.number("consecutive_429_count", 0, 0)),
      object_or_empty(row.text("metadata_json")), row.text("created_at", "1970-01-01T00:00:00Z"),
      row.text("updated_at", "1970-01-01T00:00:00Z"));
}

}  // namespace

void set_aside_sidecar_tables(Connection& db) {
  for (const std::string& index :
       names_in(db, "SELECT name FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL"))
    db.execute(("DROP INDEX " + quoted(index)).c_str());
  for (const std::string& table :
       names_in(db, "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"))
    db.execute(("ALTER TABLE " + quoted(table) + " RENAME TO " + quoted("sidecar_" + table)).c_str());
}

void take_over_sidecar_backends(Connection& db) {
  std::vector<SidecarRow> rows;
  for (Query found = db.query("SELECT * FROM sidecar_backends ORDER BY rowid"); found.next();) {
    SidecarRow& row = rows.emplace_back();
    for (int column = 0; column < found.columns(); ++column)
      row.values.emplace(found.name(column), found.string(column));
  }
  std::set<std::string> taken;
  for (const SidecarRow& row : rows) insert(db, row, taken);
  db.execute("DROP TABLE sidecar_backends");
}

}  // namespace headworks::store
