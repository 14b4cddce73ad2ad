#include "store/client_keys_table.hpp"

#include <algorithm>
#include <boost/json.hpp>

#include "catalog/row_json.hpp"

namespace headworks::store {
namespace {

using catalog::ClientKey;

#define CLIENT_KEY_COLUMNS                                                                               \
  "id, name, digest, hint, models_json, rpm_limit, tpm_limit, max_in_flight, budgets_json, expires_at, " \
  "enabled, "                                                                                            \
  "source, created_at, updated_at, weight, timeout_seconds, previous_digest, previous_until"

// The two list columns hold what the field table of the catalog writes and reads.
std::string json_of(const ClientKey& row, std::string_view field) {
  return boost::json::serialize(catalog::format_client_key(row, catalog::View::admin).at(field));
}

ClientKey read_row(const Query& row) {
  catalog::ConfiguredClientKey lists;
  boost::system::error_code failed;
  boost::json::object document;
  document["models"] = boost::json::parse(row.text(4), failed);
  document["budgets"] = boost::json::parse(row.text(8), failed);
  catalog::parse_client_key(document, catalog::Completeness::partial, {}, lists);
  ClientKey out = std::move(lists.row);
  out.id = row.string(0);
  out.name = row.string(1);
  const Blob digest = row.blob(2);
  std::copy_n(digest.begin(), std::min(digest.size(), out.digest.size()), out.digest.begin());
  out.hint = row.string(3);
  out.rpm_limit = static_cast<std::uint32_t>(row.integer(5));
  out.tpm_limit = static_cast<std::uint32_t>(row.integer(6));
  out.max_in_flight = static_cast<std::uint32_t>(row.integer(7));
  out.expires_at = row.optional_text(9);
  out.enabled = row.boolean(10);
  out.source = row.string(11);
  out.created_at = row.string(12);
  out.updated_at = row.string(13);
  out.weight = static_cast<std::uint32_t>(row.integer(14));
  out.timeout_seconds = row.real(15);
  const Blob previous = row.blob(16);
  std::copy_n(previous.begin(), std::min(previous.size(), out.previous_digest.size()), out.previous_digest.begin());
  out.previous_until = row.optional_text(17);
  return out;
}

}  // namespace

std::vector<ClientKey> ClientKeysTable::list() {
  std::vector<ClientKey> rows;
  for (Query found = db_.query("SELECT " CLIENT_KEY_COLUMNS " FROM client_keys ORDER BY created_at, rowid");
       found.next();)
    rows.push_back(read_row(found));
  return rows;
}

std::optional<ClientKey> ClientKeysTable::find(std::string_view id) {
  Query found = db_.query("SELECT " CLIENT_KEY_COLUMNS " FROM client_keys WHERE id = ?", id);
  if (!found.next()) return std::nullopt;
  return read_row(found);
}

std::optional<ClientKey> ClientKeysTable::find_by_name(std::string_view name) {
  Query found = db_.query("SELECT " CLIENT_KEY_COLUMNS " FROM client_keys WHERE name = ?", name);
  if (!found.next()) return std::nullopt;
  return read_row(found);
}

void ClientKeysTable::insert(const ClientKey& row) {
  db_.change("INSERT INTO client_keys (" CLIENT_KEY_COLUMNS ") VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)", row.id,
             row.name, row.digest, row.hint, json_of(row, "models"), row.rpm_limit, row.tpm_limit,
             row.max_in_flight, json_of(row, "budgets"), row.expires_at, row.enabled, row.source,
             row.created_at, row.updated_at, row.weight, row.timeout_seconds, row.previous_digest,
             row.previous_until);
}

bool ClientKeysTable::update(const ClientKey& row) {
  return db_.change(
             "UPDATE client_keys SET name=?, digest=?, hint=?, models_json=?, rpm_limit=?, tpm_limit=?, "
             "max_in_flight=?, budgets_json=?, expires_at=?, enabled=?, source=?, updated_at=?, "
             "weight=?, timeout_seconds=?, previous_digest=?, previous_until=? WHERE id=?",
             row.name, row.digest, row.hint, json_of(row, "models"), row.rpm_limit, row.tpm_limit,
             row.max_in_flight, json_of(row, "budgets"), row.expires_at, row.enabled, row.source,
             row.updated_at, row.weight, row.timeout_seconds, row.previous_digest, row.previous_until, row.id) != 0;
}

bool ClientKeysTable::remove(std::string_view id) {
  return db_.change("DELETE FROM client_keys WHERE id = ?", id) != 0;
}

}  // namespace headworks::store
