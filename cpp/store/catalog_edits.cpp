#include "store/catalog_edits.hpp"

#include <boost/json.hpp>

#include "catalog/utc_time.hpp"
#include "wire/url.hpp"

namespace headworks::store {
namespace {

using base::ErrorKind;
using base::fail;
using base::Result;
using catalog::Backend;
using catalog::View;

std::string json_of(const Backend& row) { return boost::json::serialize(format_backend(row, View::admin)); }
std::string json_of(const catalog::Pool& row) {
  return boost::json::serialize(format_pool(row, View::admin));
}
std::string json_of(const catalog::ClientKey& row) {
  return boost::json::serialize(format_client_key(row, View::admin));
}
std::string json_of(const catalog::Price& row) {
  return boost::json::serialize(format_price(row, View::admin));
}

std::optional<base::Error> find_fault(const Backend& row) {
  std::vector<catalog::Problem> problems = catalog::check_backend(row);
  // A backend that is switched off may be parked with a URL that does not work.
  if (!row.enabled)
    std::erase_if(problems, [](const auto& problem) { return problem.path == "$.api_base_url"; });
  if (problems.empty()) return std::nullopt;
  return catalog::error_of(problems);
}

base::Error taken(std::string_view what, std::string_view name) {
  return fail(ErrorKind::conflict,
              "there is a " + std::string(what) + " '" + std::string(name) + "' already");
}

// What a change of a row left as it was, times aside.
bool same_but_for_times(std::string before, std::string after) {
  const auto without_times = [](const std::string& text) {
    boost::json::value value = boost::json::parse(text);
    value.get_object().erase("updated_at");
    return value;
  };
  return without_times(before) == without_times(after);
}

void ensure_pool(CatalogTables& tables, const std::string& name, std::string_view source) {
  if (tables.pools.ensure(name, source))
    tables.edits.push_back({"pool.create", name, std::nullopt, json_of(*tables.pools.find(name))});
}

}  // namespace

std::string origin_of(const Backend& row) {
  const auto url = wire::parse_url(row.api_base_url);
  return url ? url->origin() : std::string();
}

Result<Backend> create_backend(CatalogTables& tables, Backend row, Times times) {
  if (row.id.empty()) row.id = make_id("bkd_");
  if (row.name.empty()) row.name = row.id;
  for (std::string* at : {&row.created_at, &row.updated_at})
    if (times == Times::stamped || !catalog::parse_utc(*at)) *at = tables.now;
  if (auto fault = find_fault(row)) return *std::move(fault);
  if (tables.backends.find(row.id, Keys::closed)) return taken("backend of the id", row.id);
  if (tables.backends.find_by_name(row.name, Keys::closed)) return taken("backend", row.name);
  ensure_pool(tables, row.pool, row.source);
  if (auto inserted = tables.backends.insert(row); !inserted) return inserted.error();
  tables.edits.push_back({"backend.create", row.name, std::nullopt, json_of(row)});
  return row;
}

Result<Backend> replace_backend(CatalogTables& tables, Backend row, MovedOrigin moved) {
  auto before = tables.backends.find(row.id, Keys::opened);
  if (!before) return fail(ErrorKind::not_found, "there is no such backend");
  if (auto fault = find_fault(row)) return *std::move(fault);
  const auto namesake = tables.backends.find_by_name(row.name, Keys::closed);
  if (namesake && namesake->id != row.id) return taken("backend", row.name);
  const bool keeps_key = row.api_key.empty() || row.api_key.reveal() == before->api_key.reveal();
  if (moved == MovedOrigin::refuse && row.api_key.empty() && before->key_state != catalog::KeyState::none &&
      origin_of(row) != origin_of(*before))
    return fail(ErrorKind::conflict, "api_base_url moves to another origin: give api_key again");
  row.created_at = before->created_at;
  row.updated_at = before->updated_at;
  row.api_key_hint = keeps_key ? before->api_key_hint : row.api_key.hint();
  if (row.api_key.empty())
    row.key_state = before->key_state;
  else
    row.key_state = catalog::KeyState::readable;
  std::string before_json = json_of(*before);
  if (keeps_key && same_but_for_times(before_json, json_of(row))) return row;
  row.updated_at = tables.now;
  ensure_pool(tables, row.pool, row.source);
  if (auto updated = tables.backends.update(row); !updated) return updated.error();
  if (!keeps_key) {  // another account: what the old one is resting for does not concern it
    tables.cooldowns.end_all(row.id, tables.wall);
    tables.backends.end_cooldown(row.id);
  }
  tables.edits.push_back({"backend.update", row.name, std::move(before_json), json_of(row)});
  return row;
}

Result<std::optional<Backend>> update_backend(CatalogTables& tables, std::string_view id,
                                              const BackendUpdates& updates) {
  auto row = tables.backends.find(id, Keys::closed);
  if (!row) return std::optional<Backend>();
  apply_updates(updates, *row);
  Result<Backend> replaced = replace_backend(tables, *std::move(row), MovedOrigin::reseal);
  if (!replaced) return std::move(replaced).error();
  if (tables.edits.empty()) {
    replaced->updated_at = tables.now;
    if (auto updated = tables.backends.update(*replaced); !updated) return updated.error();
  }
  replaced->api_key = base::Secret();
  return std::optional<Backend>(*std::move(replaced));
}

Result<bool> delete_backend(CatalogTables& tables, std::string_view id) {
  const auto before = tables.backends.find(id, Keys::closed);
  if (!before) return false;
  tables.backends.remove(id);
  tables.edits.push_back({"backend.delete", before->name, json_of(*before), std::nullopt});
  return true;
}

Result<bool> set_backend_status(CatalogTables& tables, std::string_view id, catalog::BackendStatus status) {
  const auto before = tables.backends.find(id, Keys::closed);
  if (!before || !tables.backends.set_status(id, status, tables.now)) return false;
  tables.edits.push_back({"backend.status", before->name, std::nullopt, std::string(name_of(status))});
  return true;
}

Result<bool> cool_backend(CatalogTables& tables, std::string_view id, const HandCooldown& cooldown) {
  const auto before = tables.backends.find(id, Keys::closed);
  const std::string until = catalog::format_utc(cooldown.until);
  if (!before || !tables.backends.set_cooldown(id, until, cooldown.consecutive, tables.now)) return false;
  tables.cooldowns.end_all(id, tables.wall);
  tables.cooldowns.add({.backend_id = std::string(id),
                        .cause = "by_hand",
                        .duration_source = "hand",
                        .consecutive = cooldown.consecutive,
                        .started = tables.wall,
                        .until = cooldown.until});
  tables.edits.push_back(
      {"backend.cool", before->name, std::nullopt, until + (cooldown.reason.empty() ? "" : ": ") + cooldown.reason});
  return true;
}

Result<bool> clear_backend(CatalogTables& tables, std::string_view id) {
  const auto before = tables.backends.find(id, Keys::closed);
  if (!before || !tables.backends.clear_cooldown(id, tables.now)) return false;
  tables.cooldowns.end_all(id, tables.wall);
  tables.edits.push_back({"backend.clear", before->name, std::nullopt, ""});
  return true;
}

Result<bool> put_pool(CatalogTables& tables, const catalog::Pool& row) {
  if (const auto problems = catalog::check_pool(row); !problems.empty()) return catalog::error_of(problems);
  const auto before = tables.pools.find(row.name);
  if (before && json_of(*before) == json_of(row)) return false;
  tables.pools.put(row);
  tables.edits.push_back({before ? "pool.update" : "pool.create", row.name,
                          before ? std::optional(json_of(*before)) : std::nullopt, json_of(row)});
  return !before;
}

Result<bool> delete_pool(CatalogTables& tables, std::string_view name) {
  const auto before = tables.pools.find(name);
  if (!before) return false;
  if (tables.pools.in_use(name))
    return fail(ErrorKind::conflict, "backends still belong to the pool '" + std::string(name) + "'");
  tables.pools.remove(name);
  tables.edits.push_back({"pool.delete", before->name, json_of(*before), std::nullopt});
  return true;
}

Result<catalog::ClientKey> put_client_key(CatalogTables& tables, catalog::ConfiguredClientKey key) {
  catalog::ClientKey& row = key.row;
  if (row.name.empty()) return fail(ErrorKind::invalid_configuration, "a client key needs a name");
  const bool fresh = row.id.empty();
  const auto before = fresh ? std::nullopt : tables.client_keys.find(row.id);
  if (!fresh && !before) return fail(ErrorKind::not_found, "there is no such client key");
  const auto namesake = tables.client_keys.find_by_name(row.name);
  if (namesake && namesake->id != row.id) return taken("client key", row.name);
  if (!key.key.empty()) {
    row.digest = tables.hasher.digest(key.key.reveal());
    row.hint = key.key.hint();
  } else if (fresh) {
    return fail(ErrorKind::invalid_configuration, "client key '" + row.name + "' needs its key");
  } else {
    row.digest = before->digest;
    row.hint = before->hint;
  }
  if (fresh) {
    row.id = make_id("key_");
    return insert_client_key(tables, std::move(row), key.key);
  }
  if (row.digest == before->digest) {  // what the last rotation left
    row.previous_digest = before->previous_digest;
    row.previous_until = before->previous_until;
  }
  row.created_at = before->created_at;
  row.updated_at = before->updated_at;
  if (row.digest == before->digest && same_but_for_times(json_of(*before), json_of(row))) return row;
  row.updated_at = tables.now;
  tables.client_keys.update(row);
  tables.edits.push_back({"client_key.update", row.name, json_of(*before), json_of(row)});
  return row;
}

Result<catalog::ClientKey> insert_client_key(CatalogTables& tables, catalog::ClientKey row, const base::Secret& key) {
  if (tables.client_keys.find_by_name(row.name)) return taken("client key", row.name);
  row.digest = tables.hasher.digest(key.reveal());
  row.hint = key.hint();
  row.created_at = row.updated_at = tables.now;
  tables.client_keys.insert(row);
  tables.edits.push_back({"client_key.create", row.name, std::nullopt, json_of(row)});
  return row;
}

Result<catalog::ClientKey> rotate_client_key(CatalogTables& tables, std::string_view id, const base::Secret& key,
                                             std::optional<base::WallTime> overlap_until) {
  const auto before = tables.client_keys.find(id);
  if (!before) return fail(ErrorKind::not_found, "there is no such client key");
  catalog::ClientKey row = *before;
  row.previous_digest = overlap_until ? before->digest : catalog::KeyDigest{};
  row.previous_until = overlap_until ? std::optional(catalog::format_utc(*overlap_until)) : std::nullopt;
  row.digest = tables.hasher.digest(key.reveal());
  row.hint = key.hint();
  row.updated_at = tables.now;
  tables.client_keys.update(row);
  tables.edits.push_back({"client_key.rotate", row.name, json_of(*before), json_of(row)});
  return row;
}

Result<bool> delete_client_key(CatalogTables& tables, std::string_view id) {
  const auto before = tables.client_keys.find(id);
  if (!before) return false;
  tables.client_keys.remove(id);
  tables.edits.push_back({"client_key.delete", before->name, json_of(*before), std::nullopt});
  return true;
}

Result<catalog::AdminToken> create_admin_token(CatalogTables& tables, catalog::AdminToken row, const base::Secret& token) {
  if (tables.admin_tokens.find(row.name)) return taken("token", row.name);
  row.id = make_id("adm_");
  row.digest = tables.hasher.digest(token.reveal());
  row.hint = token.hint();
  row.created_at = tables.now;
  tables.admin_tokens.insert(row);
  tables.edits.push_back({"admin_token.create", row.name, std::nullopt,
                          boost::json::serialize(boost::json::object{{"name", row.name}, {"role", name_of(row.role)}})});
  return row;
}

Result<bool> delete_admin_token(CatalogTables& tables, std::string_view id_or_name) {
  const auto before = tables.admin_tokens.find(id_or_name);
  if (!before) return false;
  tables.admin_tokens.remove(before->id);
  tables.edits.push_back({"admin_token.delete", before->name,
                          boost::json::serialize(boost::json::object{{"name", before->name}, {"role", name_of(before->role)}}),
                          std::nullopt});
  return true;
}

Result<bool> put_settings(CatalogTables& tables, const std::vector<catalog::Setting>& settings,
                          std::string_view source) {
  catalog::Settings overlaid;
  const catalog::Outcome outcome = catalog::parse_settings(catalog::unflatten_settings(settings), overlaid);
  if (!outcome.ok()) return catalog::error_of(outcome.problems);
  const std::vector<SettingRow> rows = tables.settings.list();
  bool changed = false;
  for (const catalog::Setting& setting : settings) {
    const auto before = std::find_if(rows.begin(), rows.end(),
                                     [&](const SettingRow& row) { return row.setting.key == setting.key; });
    if (before != rows.end() && before->setting == setting && before->source == source) continue;
    tables.settings.put(setting, source);
    tables.edits.push_back({before == rows.end() ? "setting.create" : "setting.update", setting.key,
                            before == rows.end() ? std::nullopt : std::optional(before->setting.value_json),
                            setting.value_json});
    changed = true;
  }
  return changed;
}

Result<bool> put_price(CatalogTables& tables, const catalog::Price& row) {
  const std::vector<catalog::Price> rows = tables.prices.list();
  const auto before = std::find_if(rows.begin(), rows.end(),
                                   [&](const catalog::Price& each) { return each.model == row.model; });
  if (before != rows.end() && json_of(*before) == json_of(row)) return false;
  tables.prices.put(row);
  tables.edits.push_back({before == rows.end() ? "price.create" : "price.update", row.model,
                          before == rows.end() ? std::nullopt : std::optional(json_of(*before)),
                          json_of(row)});
  return true;
}

Result<bool> delete_price(CatalogTables& tables, std::string_view model) {
  const std::vector<catalog::Price> rows = tables.prices.list();
  const auto before = std::find_if(rows.begin(), rows.end(), [&](const catalog::Price& each) { return each.model == model; });
  if (before == rows.end() || !tables.prices.remove(model)) return false;
  tables.edits.push_back({"price.delete", std::string(model), json_of(*before), std::nullopt});
  return true;
}

}  // namespace headworks::store
