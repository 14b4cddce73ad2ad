#include "store/backends_table.hpp"

#include <boost/json.hpp>
#include <random>

#include "catalog/row_json.hpp"
#include "store/master_keys_table.hpp"
#include "store/settings_table.hpp"
#include "wire/url.hpp"

namespace headworks::store {
namespace {

using catalog::Backend;
using catalog::KeyState;

#define BACKEND_COLUMNS                                                                                \
  "id, name, label, api_base_url, api_key_encrypted, api, timeout_seconds, rpm_limit, pool, enabled, " \
  "status, "                                                                                           \
  "model_mappings_json, source, cooldown_until, consecutive_429_count, metadata_json, created_at, "    \
  "updated_at, "                                                                                       \
  "api_key_hint, tpm_limit, max_in_flight, weight, timeouts_json"

std::string origin_of(std::string_view api_base_url) {
  const auto url = wire::parse_url(api_base_url);
  return url ? url->origin() : std::string();
}

vault::SealContext context_of(std::string_view id, std::string_view origin) {
  return {.table = "backends", .column = "api_key_encrypted", .row_id = id, .origin = origin};
}

}  // namespace

Backend BackendsTable::read_row(const Query& row, Keys keys) {
  Backend out;
  out.id = row.string(0);
  out.name = row.string(1);
  out.label = row.string(2);
  out.api_base_url = row.string(3);
  const std::string_view sealed = row.text(4);
  out.key_state = sealed.empty() ? KeyState::none : KeyState::readable;
  if (keys == Keys::opened && !sealed.empty()) {
    const std::string origin = origin_of(out.api_base_url);
    if (auto opened = open(out.id, origin, sealed))
      out.api_key = *std::move(opened);
    else
      out.key_state = KeyState::unreadable;
  }
  out.api = find_api_alias(row.text(5)).value_or(catalog::Api::openai);
  out.timeout_seconds = row.real(6);
  out.rpm_limit = static_cast<std::uint32_t>(row.integer(7));
  out.pool = row.string(8);
  out.enabled = row.boolean(9);
  out.status = catalog::find_backend_status(row.text(10)).value_or(catalog::BackendStatus::error);
  if (auto mappings = catalog::parse_model_mappings(row.text(11))) out.model_mappings = *std::move(mappings);
  out.source = row.string(12);
  out.cooldown_until = row.optional_text(13);
  out.consecutive_429_count = row.integer(14);
  out.metadata_json = is_json_object(row.text(15)) ? row.string(15) : "{}";
  out.created_at = row.string(16);
  out.updated_at = row.string(17);
  out.api_key_hint = row.string(18);
  out.tpm_limit = static_cast<std::uint32_t>(row.integer(19));
  out.max_in_flight = static_cast<std::uint32_t>(row.integer(20));
  out.weight = static_cast<std::uint32_t>(row.integer(21));
  out.timeouts = catalog::parse_clocks(row.text(22));
  if (out.api_key_hint.empty() && !out.api_key.empty()) out.api_key_hint = out.api_key.hint();
  return out;
}

std::optional<Backend> BackendsTable::find(std::string_view id, Keys keys) {
  Query found = db_.query("SELECT " BACKEND_COLUMNS " FROM backends WHERE id = ?", id);
  if (!found.next()) return std::nullopt;
  return read_row(found, keys);
}

std::optional<Backend> BackendsTable::find_by_name(std::string_view name, Keys keys) {
  Query found = db_.query("SELECT " BACKEND_COLUMNS " FROM backends WHERE name = ?", name);
  if (!found.next()) return std::nullopt;
  return read_row(found, keys);
}

std::vector<Backend> BackendsTable::list(std::optional<std::string_view> pool, bool enabled_only, Keys keys) {
  std::vector<Backend> rows;
  const auto collect = [&](Query found) {
    while (found.next()) rows.push_back(read_row(found, keys));
  };
  // The times have whole seconds: rows of one second stay in the order in which they were made.
  if (pool) {
    collect(db_.query("SELECT " BACKEND_COLUMNS
                      " FROM backends WHERE pool = ? AND enabled >= ? ORDER BY created_at, rowid",
                      *pool, enabled_only));
  } else {
    collect(db_.query("SELECT " BACKEND_COLUMNS
                      " FROM backends WHERE enabled >= ? ORDER BY pool, created_at, rowid",
                      enabled_only));
  }
  return rows;
}

// A text that was never sealed is a key only until a rotation has sealed everything: there is no way back.
base::Result<base::Secret> BackendsTable::open(std::string_view id, std::string_view origin, std::string_view sealed) {
  if (!vault::Sealer::is_sealed(sealed) && db_.query("SELECT 1 FROM sealed_only").next())
    return base::fail(base::ErrorKind::key_unreadable, "the key is not sealed, and every key here was; give it again");
  return sealer_.open(context_of(id, origin), sealed);
}

// By the algorithm that the settings name, as this transaction sees them.
base::Result<std::string> BackendsTable::seal(std::string_view id, std::string_view origin, const base::Secret& clear) {
  if (auto counted = MasterKeysTable(db_).count_seal(sealer_.keys().newest()); !counted) return counted.error();
  return sealer_.seal(context_of(id, origin), clear.reveal(), SettingsTable(db_).sealing_algorithm());
}

base::Result<void> BackendsTable::insert(Backend& row) {
  std::string sealed;
  if (!row.api_key.empty()) {
    const std::string origin = origin_of(row.api_base_url);
    auto made = seal(row.id, origin, row.api_key);
    if (!made) return made.error();
    sealed = *std::move(made);
    row.api_key_hint = row.api_key.hint();
    row.key_state = KeyState::readable;
  } else {
    row.api_key_hint.clear();
    row.key_state = KeyState::none;
  }
  db_.change("INSERT INTO backends (" BACKEND_COLUMNS
             ") VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
             row.id, row.name, row.label, row.api_base_url, sealed, name_of(row.api), row.timeout_seconds,
             row.rpm_limit, row.pool, row.enabled, name_of(row.status),
             catalog::format_model_mappings(row.model_mappings), row.source, row.cooldown_until,
             row.consecutive_429_count, row.metadata_json, row.created_at, row.updated_at, row.api_key_hint,
             row.tpm_limit, row.max_in_flight, row.weight, catalog::format_clocks(row.timeouts));
  return {};
}

// What api_key_encrypted becomes when this row replaces the stored one.
base::Result<std::string> BackendsTable::sealed_key(const Backend& row) {
  const std::string origin = origin_of(row.api_base_url);
  if (!row.api_key.empty()) return seal(row.id, origin, row.api_key);
  Query found = db_.query("SELECT api_key_encrypted, api_base_url FROM backends WHERE id = ?", row.id);
  if (!found.next() || found.text(0).empty()) return std::string();
  const std::string old_origin = origin_of(found.text(1));
  if (old_origin == origin || !vault::Sealer::is_sealed(found.text(0))) return found.string(0);
  const auto opened = open(row.id, old_origin, found.text(0));
  if (!opened) return found.string(0);
  return seal(row.id, origin, *opened);
}

base::Result<bool> BackendsTable::update(Backend& row) {
  if (!row.api_key.empty()) row.api_key_hint = row.api_key.hint(), row.key_state = KeyState::readable;
  const base::Result<std::string> sealed = sealed_key(row);
  if (!sealed) return sealed.error();
  return db_.change(
             "UPDATE backends SET name=?, label=?, api_base_url=?, api_key_encrypted=?, api=?, "
             "timeout_seconds=?, "
             "rpm_limit=?, pool=?, enabled=?, status=?, model_mappings_json=?, source=?, cooldown_until=?, "
             "consecutive_429_count=?, metadata_json=?, updated_at=?, api_key_hint=?, tpm_limit=?, "
             "max_in_flight=?, "
             "weight=?, timeouts_json=? WHERE id=?",
             row.name, row.label, row.api_base_url, *sealed, name_of(row.api), row.timeout_seconds,
             row.rpm_limit, row.pool, row.enabled, name_of(row.status),
             catalog::format_model_mappings(row.model_mappings), row.source, row.cooldown_until,
             row.consecutive_429_count, row.metadata_json, row.updated_at, row.api_key_hint, row.tpm_limit,
             row.max_in_flight, row.weight, catalog::format_clocks(row.timeouts), row.id) != 0;
}

bool BackendsTable::remove(std::string_view id) {
  return db_.change("DELETE FROM backends WHERE id = ?", id) != 0;
}

bool BackendsTable::set_status(std::string_view id, catalog::BackendStatus status, std::string_view now) {
  return db_.change("UPDATE backends SET status = ?, updated_at = ? WHERE id = ?", name_of(status), now,
                    id) != 0;
}

bool BackendsTable::set_cooldown(std::string_view id, std::string_view until, std::int64_t count,
                                 std::string_view now) {
  return db_.change(
             "UPDATE backends SET status = 'cooling', cooldown_until = ?, consecutive_429_count = ?, "
             "updated_at = ? WHERE id = ?",
             until, count, now, id) != 0;
}

bool BackendsTable::clear_cooldown(std::string_view id, std::string_view now) {
  return db_.change(
             "UPDATE backends SET status = 'healthy', cooldown_until = NULL, consecutive_429_count = 0, "
             "updated_at = ? WHERE id = ?",
             now, id) != 0;
}

void BackendsTable::begin_cooldown(std::string_view id, std::string_view until, std::int64_t count) {
  db_.change(
      "UPDATE backends SET status = 'cooling', cooldown_until = ?, consecutive_429_count = ? "
      "WHERE id = ? AND status IN ('healthy', 'cooling')",
      until, count, id);
}

void BackendsTable::end_cooldown(std::string_view id) {
  db_.change(
      "UPDATE backends SET status = 'healthy', cooldown_until = NULL, consecutive_429_count = 0 "
      "WHERE id = ? AND status IN ('healthy', 'cooling')",
      id);
}

int BackendsTable::end_expired_cooldowns(std::string_view now) {
  return db_.change(
      "UPDATE backends SET status = 'healthy', cooldown_until = NULL "
      "WHERE status = 'cooling' AND cooldown_until <= ?",
      now);
}

std::vector<PoolStats> BackendsTable::pool_stats() {
  std::vector<PoolStats> stats;
  for (Query found =
           db_.query("SELECT pool, count(*), sum(enabled), sum(status = 'healthy'), sum(status = 'cooling'), "
                     "sum(status = 'error') FROM backends GROUP BY pool ORDER BY pool");
       found.next();)
    stats.push_back({.pool = found.string(0),
                     .total = found.integer(1),
                     .enabled = found.integer(2),
                     .healthy = found.integer(3),
                     .cooling = found.integer(4),
                     .error = found.integer(5)});
  return stats;
}

std::string make_id(std::string_view prefix) {
  static constexpr std::string_view kDigits =
      "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  std::random_device device;
  std::uniform_int_distribution<std::size_t> digit(0, kDigits.size() - 1);
  std::string id(prefix);
  for (int left = 16; left > 0; --left) id += kDigits[digit(device)];
  return id;
}

std::optional<catalog::Api> find_api_alias(std::string_view name) {
  if (const auto exact = catalog::find_api(name)) return exact;
  if (name.starts_with("openai")) return catalog::Api::openai;
  if (name.starts_with("anthropic")) return catalog::Api::anthropic;
  return std::nullopt;
}

bool is_json_object(std::string_view text) {
  boost::system::error_code failed;
  const boost::json::value value = boost::json::parse(text, failed);
  return !failed && value.is_object();
}

base::Result<BackendsTable::Resealed> BackendsTable::reseal(std::uint32_t limit) {
  struct Sealed {
    std::string id, name, origin, text;
  };
  std::vector<Sealed> old;
  for (Query found = db_.query("SELECT id, name, api_base_url, api_key_encrypted FROM backends WHERE api_key_encrypted <> ''");
       found.next();)
    if (vault::Sealer::find_kid(found.text(3)) != sealer_.keys().newest())
      old.push_back({found.string(0), found.string(1), origin_of(found.text(2)), found.string(3)});
  Resealed done;
  for (const Sealed& row : old) {
    const auto clear = open(row.id, row.origin, row.text);
    if (!clear) {
      done.unreadable.push_back(row.name);
    } else if (done.count == limit) {
      ++done.left;
    } else {
      const auto sealed = seal(row.id, row.origin, *clear);
      if (!sealed) return sealed.error();
      db_.change("UPDATE backends SET api_key_encrypted = ? WHERE id = ?", *sealed, row.id);
      ++done.count;
    }
  }
  if (done.left == 0) db_.change("INSERT OR IGNORE INTO sealed_only (one) VALUES (1)");
  return done;
}

std::map<std::uint32_t, std::uint32_t> BackendsTable::count_by_master_key() {
  std::map<std::uint32_t, std::uint32_t> counts;
  for (Query found = db_.query("SELECT api_key_encrypted FROM backends WHERE api_key_encrypted <> ''"); found.next();)
    ++counts[vault::Sealer::find_kid(found.text(0)).value_or(0)];
  return counts;
}

}  // namespace headworks::store
