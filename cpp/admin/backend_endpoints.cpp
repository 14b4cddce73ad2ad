// Backends: their rows, and what is done to them by hand.
#include <cmath>

#include "admin/body.hpp"
#include "admin/endpoints.hpp"
#include "admin/live_json.hpp"
#include "admin/store_calls.hpp"
#include "catalog/configuration.hpp"
#include "catalog/utc_time.hpp"

namespace headworks::admin {
namespace {

using base::ErrorKind;
using base::fail;
using base::Result;
using catalog::Backend;
using store::CatalogTables;
using store::Changed;

constexpr double kLongestCooldown = 366.0 * 86'400;

base::Error unknown_backend() {
  base::Error error = fail(ErrorKind::not_found, "there is no such backend");
  error.hint = "by id or by name; GET /admin/v1/backends lists them";
  return error;
}

std::optional<Backend> find_backend(CatalogTables& tables, std::string_view id_or_name) {
  auto row = tables.backends.find(id_or_name, store::Keys::closed);
  return row ? std::move(row) : tables.backends.find_by_name(id_or_name, store::Keys::closed);
}

boost::json::object json_of(const Backend& row) { return catalog::format_backend(row, catalog::View::admin); }

// The running backend of a row as it is shown; null: it is not in the snapshot.
const catalog::BackendEntry* find_live(const catalog::Snapshot& snapshot, const boost::json::object& row) {
  return snapshot.find_backend(std::string_view(row.at("id").as_string()));
}

// Runs `edit(tables, row)` -> Result<bool> on the backend that the path names, as one change, and answers the row
// after it.
template <class Edit>
net::Task<Result<Changed<boost::json::object>>> change_state(AdminContext& context, Call& call, Edit edit) {
  auto body = [id = call.path.front(), edit](CatalogTables& tables) -> Result<boost::json::object> {
    const auto row = find_backend(tables, id);
    if (!row) return unknown_backend();
    const Result<bool> done = edit(tables, row->id);
    if (!done) return done.error();
    return json_of(*tables.backends.find(row->id, store::Keys::closed));
  };
  return change_store(context, call, std::move(body));
}

}  // namespace

net::Task<Answer> list_backends(AdminContext& context, Call& call) {
  auto body = [pool = std::string(call.find_query("pool"))](CatalogTables& tables) {
    boost::json::array rows;
    const auto wanted = pool.empty() ? std::nullopt : std::optional<std::string_view>(pool);
    for (const Backend& row : tables.backends.list(wanted, false, store::Keys::closed)) rows.push_back(json_of(row));
    return rows;
  };
  auto asking = ask_store(context, std::move(body));
  Result<boost::json::array> rows = co_await asking;
  if (!rows) co_return rows.error();
  const auto snapshot = context.snapshot();
  const base::TimePoint now = context.loop.refresh_now();
  for (boost::json::value& row : *rows)
    if (const auto* live = find_live(*snapshot, row.as_object()))
      row.as_object()["live"] = live_of(*live, now);
  co_return reply_page(*std::move(rows), std::nullopt, snapshot->revision());
}

net::Task<Answer> get_backend(AdminContext& context, Call& call) {
  auto body = [id = call.path.front()](CatalogTables& tables) {
    const auto row = find_backend(tables, id);
    return row ? std::optional(json_of(*row)) : std::nullopt;
  };
  auto asking = ask_store(context, std::move(body));
  Result<std::optional<boost::json::object>> row = co_await asking;
  if (!row) co_return row.error();
  if (!*row) co_return unknown_backend();
  const auto snapshot = context.snapshot();
  boost::json::object shown = **std::move(row);
  if (const auto* live = find_live(*snapshot, shown))
    shown["live"] = live_of(*live, context.loop.refresh_now());
  co_return reply_json(shown, snapshot->revision());
}

net::Task<Answer> create_backend(AdminContext& context, Call& call) {
  return answer_change(context, call, 201,
                       [document = call.body](CatalogTables& tables) -> Result<boost::json::object> {
                         Backend row;
                         const auto outcome = catalog::parse_backend(document, catalog::Completeness::whole, {}, row);
                         if (!outcome.ok()) return catalog::error_of(outcome.problems);
                         const Result<Backend> made = store::create_backend(tables, std::move(row));
                         if (!made) return made.error();
                         return json_of(*tables.backends.find(made->id, store::Keys::closed));
                       });
}

net::Task<Answer> change_backend(AdminContext& context, Call& call) {
  auto edit = [document = call.body](CatalogTables& tables, const std::string& id) -> Result<bool> {
    Backend row = *tables.backends.find(id, store::Keys::closed);
    const catalog::Outcome outcome = catalog::parse_backend(document, catalog::Completeness::partial, {}, row);
    if (!outcome.ok()) return catalog::error_of(outcome.problems);
    const Result<Backend> replaced = store::replace_backend(tables, std::move(row), store::MovedOrigin::refuse);
    if (!replaced) return replaced.error();
    return true;
  };
  auto changing = change_state(context, call, std::move(edit));
  Result<Changed<boost::json::object>> changed = co_await changing;
  if (!changed) co_return changed.error();
  co_return reply_json(changed->value, changed->revision);
}

net::Task<Answer> remove_backend(AdminContext& context, Call& call) {
  return answer_removal(context, call, unknown_backend(),
                        [id = call.path.front()](CatalogTables& tables) -> Result<bool> {
                          const auto row = find_backend(tables, id);
                          if (!row) return false;
                          return store::delete_backend(tables, row->id);
                        });
}

net::Task<Answer> put_backend_status(AdminContext& context, Call& call) {
  const auto body = read_members(call.body, {"status"});
  if (!body) co_return body.error();
  const auto text = find_text(**body, "status");
  if (!text) co_return text.error();
  const auto status = *text ? catalog::find_backend_status(**text) : std::nullopt;
  if (!status || *status == catalog::BackendStatus::cooling)
    co_return wrong("$.status", "must be healthy, error or disabled", "to let it rest: PUT .../cooldown");
  auto edit = [status = *status](CatalogTables& tables, const std::string& id) {
    return store::set_backend_status(tables, id, status);
  };
  auto changing = change_state(context, call, std::move(edit));
  Result<Changed<boost::json::object>> changed = co_await changing;
  if (!changed) co_return changed.error();
  co_return reply_json(changed->value, changed->revision);
}

net::Task<Answer> put_backend_cooldown(AdminContext& context, Call& call) {
  const auto body = read_members(call.body, {"until", "seconds", "reason", "consecutive"});
  if (!body) co_return body.error();
  const auto until_text = find_text(**body, "until");
  if (!until_text) co_return until_text.error();
  const auto seconds = find_number(**body, "seconds", 0.001, kLongestCooldown);
  if (!seconds) co_return seconds.error();
  const auto reason = find_text(**body, "reason");
  if (!reason) co_return reason.error();
  const auto consecutive = find_number(**body, "consecutive", 0, 1e9);
  if (!consecutive) co_return consecutive.error();
  if (until_text->has_value() == seconds->has_value())
    co_return wrong("$", "give either `seconds` or `until`", R"({"seconds": 60, "reason": "maintenance"})");
  const base::WallTime wall = context.loop.wall();
  std::optional<base::WallTime> until;
  if (*seconds) until = wall + std::chrono::duration_cast<base::Duration>(std::chrono::duration<double>(**seconds));
  else until = catalog::parse_utc(**until_text);
  if (!until || *until <= wall) co_return wrong("$.until", "must be a moment to come in UTC, as 2026-01-31T09:30:00Z");

  const auto count = static_cast<std::int64_t>(consecutive->value_or(0));
  auto edit = [until = *until, count, why = reason->value_or("")](CatalogTables& tables, const std::string& id) {
    return store::cool_backend(tables, id, {.until = until, .consecutive = count, .reason = why.substr(0, 200)});
  };
  auto changing = change_state(context, call, std::move(edit));
  Result<Changed<boost::json::object>> changed = co_await changing;
  if (!changed) co_return changed.error();
  const auto snapshot = context.snapshot();
  if (const auto* live = find_live(*snapshot, changed->value)) {
    live->gauge->clear();
    live->gauge->recovery().cool(context.loop.now() + (*until - context.loop.wall()));
  }
  co_return reply_json(changed->value, changed->revision);
}

net::Task<Answer> clear_backend_cooldown(AdminContext& context, Call& call) {
  auto edit = [](CatalogTables& tables, const std::string& id) { return store::clear_backend(tables, id); };
  auto changing = change_state(context, call, std::move(edit));
  Result<Changed<boost::json::object>> changed = co_await changing;
  if (!changed) co_return changed.error();
  const auto snapshot = context.snapshot();
  if (const auto* live = find_live(*snapshot, changed->value)) {
    live->gauge->clear();
    live->origin->recovery().clear();
    context.shared.on_gauges_changed();
  }
  co_return reply_json(changed->value, changed->revision);
}

}  // namespace headworks::admin
