// A configuration document against the rows that are there: the difference, applied.
#include <algorithm>
#include <set>

#include "store/catalog_edits.hpp"

namespace headworks::store {
namespace {

using base::Result;

constexpr std::string_view kFile = "file";

// The first error of a step ends the whole.
using Fault = std::optional<base::Error>;

template <class T>
Fault fault_of(Result<T> result) {
  if (result) return std::nullopt;
  return std::move(result).error();
}

Fault apply_settings(CatalogTables& tables, const catalog::Configuration& wanted) {
  std::set<std::string_view> named;
  for (const catalog::Setting& setting : wanted.given_settings) named.insert(setting.key);
  for (const SettingRow& row : tables.settings.list()) {
    if (row.source != kFile || named.contains(row.setting.key)) continue;
    tables.settings.remove(row.setting.key);
    tables.edits.push_back({"setting.delete", row.setting.key, row.setting.value_json, std::nullopt});
  }
  return fault_of(put_settings(tables, wanted.given_settings, kFile));
}

Fault apply_pools(CatalogTables& tables, const catalog::Configuration& wanted) {
  for (const catalog::Pool& pool : wanted.pools)
    if (auto fault = fault_of(put_pool(tables, pool))) return fault;
  return std::nullopt;
}

// After the backends: a pool of the file that is not named any more goes, as do the two default ones once the
// file has tiers of its own. One that backends made by hand still use stays.
Fault remove_pools(CatalogTables& tables, const catalog::Configuration& wanted) {
  std::set<std::string_view> named;
  for (const catalog::Pool& pool : wanted.pools) named.insert(pool.name);
  for (const catalog::Pool& pool : tables.pools.list()) {
    const bool follows = pool.source == kFile || (pool.source == "default" && !wanted.pools.empty());
    if (!follows || named.contains(pool.name) || tables.pools.in_use(pool.name)) continue;
    if (auto fault = fault_of(delete_pool(tables, pool.name))) return fault;
  }
  if (tables.pools.list().empty()) {
    for (const std::string_view name : {"primary", "fallback"}) tables.pools.ensure(name, "default");
  }
  return std::nullopt;
}

Fault apply_backend(CatalogTables& tables, catalog::Backend wanted) {
  const auto before = tables.backends.find_by_name(wanted.name, Keys::closed);
  if (!before) return fault_of(create_backend(tables, std::move(wanted)));
  // What is not configuration stays as it is.
  wanted.id = before->id;
  wanted.status = before->status;
  wanted.cooldown_until = before->cooldown_until;
  wanted.consecutive_429_count = before->consecutive_429_count;
  return fault_of(replace_backend(tables, std::move(wanted), MovedOrigin::refuse));
}

Fault apply_backends(CatalogTables& tables, catalog::Configuration& wanted) {
  std::set<std::string> named;
  for (const catalog::Backend& row : wanted.backends) named.insert(row.name);
  for (const catalog::Backend& row : tables.backends.list(std::nullopt, false, Keys::closed)) {
    if (row.source != kFile || named.contains(row.name)) continue;
    if (auto fault = fault_of(delete_backend(tables, row.id))) return fault;
  }
  for (catalog::Backend& row : wanted.backends) {
    const std::string name = row.name;
    if (auto fault = apply_backend(tables, std::move(row))) {
      fault->message = "backend '" + name + "': " + fault->message;
      return fault;
    }
  }
  return std::nullopt;
}

Fault apply_client_keys(CatalogTables& tables, catalog::Configuration& wanted) {
  std::set<std::string> named;
  for (const catalog::ConfiguredClientKey& key : wanted.client_keys) named.insert(key.row.name);
  for (const catalog::ClientKey& row : tables.client_keys.list()) {
    if (row.source != kFile || named.contains(row.name)) continue;
    if (auto fault = fault_of(delete_client_key(tables, row.id))) return fault;
  }
  for (catalog::ConfiguredClientKey& key : wanted.client_keys) {
    if (const auto before = tables.client_keys.find_by_name(key.row.name)) key.row.id = before->id;
    if (auto fault = fault_of(put_client_key(tables, std::move(key)))) return fault;
  }
  return std::nullopt;
}

Fault apply_prices(CatalogTables& tables, const catalog::Configuration& wanted) {
  std::set<std::string_view> named;
  for (const catalog::Price& row : wanted.prices) named.insert(row.model);
  for (const catalog::Price& row : tables.prices.list()) {
    if (row.source != kFile || named.contains(row.model)) continue;
    if (auto fault = fault_of(delete_price(tables, row.model))) return fault;
  }
  for (const catalog::Price& row : wanted.prices)
    if (auto fault = fault_of(put_price(tables, row))) return fault;
  return std::nullopt;
}

}  // namespace

Result<std::vector<Edit>> apply_configuration(CatalogTables& tables, catalog::Configuration configuration) {
  Fault fault = apply_settings(tables, configuration);
  if (!fault) fault = apply_pools(tables, configuration);
  if (!fault) fault = apply_backends(tables, configuration);
  if (!fault) fault = remove_pools(tables, configuration);
  if (!fault) fault = apply_client_keys(tables, configuration);
  if (!fault) fault = apply_prices(tables, configuration);
  if (fault) return *std::move(fault);
  return tables.edits;
}

}  // namespace headworks::store
