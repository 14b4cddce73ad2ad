// Pools: the tiers, in their order, and how each one chooses.
#include <algorithm>

#include "admin/body.hpp"
#include "admin/endpoints.hpp"
#include "admin/store_calls.hpp"
#include "catalog/configuration.hpp"

namespace headworks::admin {
namespace {

using base::ErrorKind;
using base::Result;
using catalog::Pool;
using store::CatalogTables;
using store::Changed;

base::Error unknown_pool() {
  base::Error error = base::fail(ErrorKind::not_found, "there is no such pool");
  error.hint = "GET /admin/v1/pools lists them; PUT makes one";
  return error;
}

boost::json::object json_of(const Pool& row) { return catalog::format_pool(row, catalog::View::admin); }

// Overlays the document on `row`, whose name is the path's.
Result<bool> write_pool(CatalogTables& tables, const boost::json::value& document, Pool row) {
  const std::string name = row.name;
  boost::json::value named = document;
  if (boost::json::object* object = named.if_object(); object != nullptr && !object->contains("name"))
    (*object)["name"] = name;
  const catalog::Outcome outcome = catalog::parse_pool(named, catalog::Completeness::partial, row);
  if (!outcome.ok()) return catalog::error_of(outcome.problems);
  if (row.name != name) return wrong("$.name", "a pool keeps its name; make another one and move its backends");
  return store::put_pool(tables, row);
}

net::Task<Answer> change_pool_row(AdminContext& context, Call& call, bool make) {
  auto body = [name = call.path.front(), document = call.body, make](CatalogTables& tables) -> Result<std::pair<bool, boost::json::object>> {
    const auto before = tables.pools.find(name);
    if (!before && !make) return unknown_pool();
    Pool row;
    row.name = name;
    // A whole row, as PUT gives it, starts from the defaults, but for its place.
    if (before) row.position = before->position;
    else if (const auto all = tables.pools.list(); !all.empty()) row.position = all.back().position + 1;
    if (before && !make) row = *before;
    const Result<bool> fresh = write_pool(tables, document, std::move(row));
    if (!fresh) return fresh.error();
    return std::pair(*fresh, json_of(*tables.pools.find(name)));
  };
  auto changing = change_store(context, call, std::move(body));
  const Result<Changed<std::pair<bool, boost::json::object>>> changed = co_await changing;
  if (!changed) co_return changed.error();
  co_return reply_json(changed->value.second, changed->revision, changed->value.first ? 201 : 200);
}

}  // namespace

net::Task<Answer> list_pools(AdminContext& context, Call&) {
  return answer_rows(context, [](CatalogTables& tables) {
    boost::json::array rows;
    for (const Pool& row : tables.pools.list()) rows.push_back(json_of(row));
    return rows;
  });
}

net::Task<Answer> get_pool(AdminContext& context, Call& call) {
  return answer_row(context, unknown_pool(), [name = call.path.front()](CatalogTables& tables) {
    const auto row = tables.pools.find(name);
    return row ? std::optional(json_of(*row)) : std::nullopt;
  });
}

net::Task<Answer> put_pool(AdminContext& context, Call& call) { return change_pool_row(context, call, true); }
net::Task<Answer> change_pool(AdminContext& context, Call& call) { return change_pool_row(context, call, false); }

net::Task<Answer> remove_pool(AdminContext& context, Call& call) {
  return answer_removal(context, call, unknown_pool(),
                        [name = call.path.front()](CatalogTables& tables) { return store::delete_pool(tables, name); });
}

// The places of all pools, as one change.
net::Task<Answer> order_pools(AdminContext& context, Call& call) {
  const auto members = read_members(call.body, {"order"});
  if (!members) co_return members.error();
  const boost::json::value* order = (*members)->if_contains("order");
  std::vector<std::string> names;
  if (order != nullptr && order->is_array())
    for (const boost::json::value& name : order->get_array())
      if (name.is_string()) names.emplace_back(name.get_string());
  auto body = [names = std::move(names)](CatalogTables& tables) -> Result<boost::json::array> {
    std::vector<Pool> rows = tables.pools.list();
    std::vector<std::string> known;
    for (const Pool& row : rows) known.push_back(row.name);
    std::vector<std::string> asked = names;
    std::sort(asked.begin(), asked.end());
    std::sort(known.begin(), known.end());
    if (asked != known) return wrong("$.order", "must name every pool once", "GET /admin/v1/pools lists them");
    for (Pool& row : rows) {
      row.position = std::find(names.begin(), names.end(), row.name) - names.begin();
      if (const Result<bool> put = store::put_pool(tables, row); !put) return put.error();
    }
    boost::json::array shown;
    for (const Pool& row : tables.pools.list()) shown.push_back(json_of(row));
    return shown;
  };
  auto changing = change_store(context, call, std::move(body));
  Result<Changed<boost::json::array>> changed = co_await changing;
  if (!changed) co_return changed.error();
  co_return reply_page(std::move(changed->value), std::nullopt, changed->revision);
}

net::Task<Answer> get_pool_stats(AdminContext& context, Call&) {
  return answer_row(context, unknown_pool(), [](CatalogTables& tables) {
    boost::json::object pools;
    for (const store::PoolStats& each : tables.backends.pool_stats())
      pools[each.pool] = {{"total", each.total},     {"enabled", each.enabled}, {"healthy", each.healthy},
                          {"cooling", each.cooling}, {"error", each.error}};
    return std::optional(std::move(pools));
  });
}

}  // namespace headworks::admin
