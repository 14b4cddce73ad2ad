// Client keys: who may call, for which models, within which limits. A key is shown once, when it is made.
#include "admin/body.hpp"
#include "admin/endpoints.hpp"
#include "admin/store_calls.hpp"
#include "catalog/configuration.hpp"
#include "catalog/utc_time.hpp"
#include "vault/client_key.hpp"

namespace headworks::admin {
namespace {

using base::ErrorKind;
using base::Result;
using catalog::ClientKey;
using store::CatalogTables;
using store::Changed;

constexpr double kLongestOverlap = 366.0 * 86'400;

base::Error unknown_key() {
  base::Error error = base::fail(ErrorKind::not_found, "there is no such client key");
  error.hint = "by id or by name; GET /admin/v1/client-keys lists them";
  return error;
}

boost::json::object json_of(const ClientKey& row) { return catalog::format_client_key(row, catalog::View::admin); }

std::optional<ClientKey> find_key(CatalogTables& tables, std::string_view id_or_name) {
  auto row = tables.client_keys.find(id_or_name);
  return row ? std::move(row) : tables.client_keys.find_by_name(id_or_name);
}

// Overlays what a document says; the key itself is taken only where it is made.
Result<catalog::ConfiguredClientKey> overlay(const boost::json::value& document, catalog::Completeness completeness,
                                             catalog::ConfiguredClientKey row) {
  const catalog::Outcome outcome = catalog::parse_client_key(document, completeness, {}, row);
  if (!outcome.ok()) return catalog::error_of(outcome.problems);
  return row;
}

// What a row cannot know: what is in flight, what is left of its starts, and what is spent of each budget.
void add_live(AdminContext& context, const catalog::Snapshot& snapshot, boost::json::object& row) {
  const std::string_view id = row.at("id").as_string();
  for (const catalog::ClientKeyEntry& entry : snapshot.client_keys()) {
    if (entry.row.id != id) continue;
    gauges::ClientGauge& gauge = *entry.gauge;
    boost::json::array spent;
    for (const gauges::SpendLimit& limit : entry.budgets) {
      const base::WallTime wall = context.loop.wall();
      const std::int64_t level = gauge.spend(limit.window, limit.of).spent(wall);
      boost::json::object row{{"window", catalog::budget_windows()[static_cast<std::size_t>(limit.window)]},
                              {"until", catalog::format_utc(gauges::window_end(limit.window, wall))}};
      if (limit.of == gauges::SpendOf::usd) row["usd"] = static_cast<double>(level) / 1e6;
      else row[limit.of == gauges::SpendOf::tokens ? "tokens" : "requests"] = level;
      spent.push_back(std::move(row));
    }
    boost::json::object live{{"in_flight", gauge.in_flight()}, {"starts_left", nullptr}, {"spent", std::move(spent)}};
    if (entry.row.rpm_limit != 0) live["starts_left"] = gauge.bucket().level(context.loop.now());
    row["live"] = std::move(live);
    return;
  }
}

// The row, with the key that nobody will be shown again.
Reply reply_with_key(boost::json::object row, const base::Secret& key, std::uint64_t revision, std::uint16_t status) {
  row["key"] = key.reveal();
  return reply_json(row, revision, status);
}

}  // namespace

net::Task<Answer> list_client_keys(AdminContext& context, Call&) {
  auto asking = ask_store(context, [](CatalogTables& tables) {
    boost::json::array rows;
    for (const ClientKey& row : tables.client_keys.list()) rows.push_back(json_of(row));
    return rows;
  });
  Result<boost::json::array> rows = co_await asking;
  if (!rows) co_return rows.error();
  const auto snapshot = context.snapshot();
  context.loop.refresh_now();
  for (boost::json::value& row : *rows) add_live(context, *snapshot, row.as_object());
  co_return reply_page(*std::move(rows), std::nullopt, snapshot->revision());
}

net::Task<Answer> get_client_key(AdminContext& context, Call& call) {
  auto asking = ask_store(context, [id = call.path.front()](CatalogTables& tables) {
    const auto row = find_key(tables, id);
    return row ? std::optional(json_of(*row)) : std::nullopt;
  });
  Result<std::optional<boost::json::object>> row = co_await asking;
  if (!row) co_return row.error();
  if (!*row) co_return unknown_key();
  const auto snapshot = context.snapshot();
  context.loop.refresh_now();
  add_live(context, *snapshot, **row);
  co_return reply_json(**row, snapshot->revision());
}

// Without a `key` of its own a new one is made.
net::Task<Answer> create_client_key(AdminContext& context, Call& call) {
  boost::json::value document = call.body;
  auto key = std::make_shared<const base::Secret>(vault::make_client_key());
  bool made_here = false;
  if (boost::json::object* object = document.if_object(); object != nullptr && !object->contains("key")) {
    (*object)["key"] = key->reveal();
    made_here = true;
  }
  auto body = [document = std::move(document)](CatalogTables& tables) -> Result<boost::json::object> {
    auto row = overlay(document, catalog::Completeness::whole, {});
    if (!row) return row.error();
    const Result<ClientKey> made = store::put_client_key(tables, *std::move(row));
    if (!made) return made.error();
    return json_of(*made);
  };
  auto changing = change_store(context, call, std::move(body));
  Result<Changed<boost::json::object>> made = co_await changing;
  if (!made) co_return made.error();
  if (!made_here) co_return reply_json(made->value, made->revision, 201);
  co_return reply_with_key(std::move(made->value), *key, made->revision, 201);
}

net::Task<Answer> change_client_key(AdminContext& context, Call& call) {
  return answer_change(
      context, call, 200,
      [id = call.path.front(), document = call.body](CatalogTables& tables) -> Result<boost::json::object> {
        auto before = find_key(tables, id);
        if (!before) return unknown_key();
        if (const boost::json::object* object = document.if_object(); object != nullptr && object->contains("key"))
          return wrong("$.key", "a key is not changed but rotated", "POST .../rotate");
        auto row = overlay(document, catalog::Completeness::partial, {.row = *std::move(before), .key = {}});
        if (!row) return row.error();
        const Result<ClientKey> changed = store::put_client_key(tables, *std::move(row));
        if (!changed) return changed.error();
        return json_of(*changed);
      });
}

net::Task<Answer> remove_client_key(AdminContext& context, Call& call) {
  return answer_removal(context, call, unknown_key(), [id = call.path.front()](CatalogTables& tables) -> Result<bool> {
    const auto row = find_key(tables, id);
    if (!row) return false;
    return store::delete_client_key(tables, row->id);
  });
}

net::Task<Answer> rotate_client_key(AdminContext& context, Call& call) {
  double overlap = 0;
  if (!call.body.is_null()) {
    const auto members = read_members(call.body, {"overlap_seconds"});
    if (!members) co_return members.error();
    const auto seconds = find_number(**members, "overlap_seconds", 0, kLongestOverlap);
    if (!seconds) co_return seconds.error();
    overlap = seconds->value_or(0);
  }
  auto key = std::make_shared<const base::Secret>(vault::make_client_key());
  auto body = [id = call.path.front(), key, overlap](CatalogTables& tables) -> Result<boost::json::object> {
    const auto row = find_key(tables, id);
    if (!row) return unknown_key();
    std::optional<base::WallTime> until;
    if (overlap > 0) until = tables.wall + std::chrono::ceil<std::chrono::seconds>(std::chrono::duration<double>(overlap));
    const Result<ClientKey> rotated = store::rotate_client_key(tables, row->id, *key, until);
    if (!rotated) return rotated.error();
    return json_of(*rotated);
  };
  auto changing = change_store(context, call, std::move(body));
  Result<Changed<boost::json::object>> rotated = co_await changing;
  if (!rotated) co_return rotated.error();
  co_return reply_with_key(std::move(rotated->value), *key, rotated->revision, 201);
}

}  // namespace headworks::admin
