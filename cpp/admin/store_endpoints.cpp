// The writing half of the sidecar's nine functions for a script beside a running server: whole rows of the
// seed's record, with what the other routes do not take (an id, a status, a count of 429 answers), by the
// same edits as headworks.Store. What cools, or does not any more, is true of the running backend at once.
#include <memory>

#include "admin/body.hpp"
#include "admin/endpoints.hpp"
#include "admin/store_calls.hpp"
#include "catalog/configuration.hpp"
#include "catalog/utc_time.hpp"

namespace headworks::admin {
namespace {

using base::Result;
using catalog::Backend;
using store::BackendUpdates;
using store::CatalogTables;
using store::Changed;

struct Given {
  BackendUpdates updates;
  std::string id;  // of a new row; empty: one is made
  bool says_state = false;
};

// Shared: what crosses to the store must be copyable, and a key is not.
Result<std::shared_ptr<const Given>> read_given(const boost::json::value& body, std::string_view member) {
  const auto read = read_members(body, {member});
  if (!read) return read.error();
  const boost::json::value* value = (*read)->if_contains(member);
  if (value == nullptr || !value->is_object())
    return wrong("$." + std::string(member), "must be an object of the record's columns");
  const boost::json::object& columns = value->get_object();
  Result<BackendUpdates> updates = store::parse_backend_updates(boost::json::serialize(columns));
  if (!updates) return updates.error();
  const auto id = find_text(columns, "id");
  if (!id) return id.error();
  return std::make_shared<const Given>(*std::move(updates), id->value_or(""),
                                       columns.contains("status") || columns.contains("cooldown_until"));
}

// The running backend rests as the row says, or not any more.
void tell_gauge(AdminContext& context, const Backend& row) {
  const auto snapshot = context.snapshot();
  const catalog::BackendEntry* live = snapshot->find_backend(row.id);
  if (live == nullptr) return;
  live->gauge->clear();
  const auto until = row.cooldown_until ? catalog::parse_utc(*row.cooldown_until) : std::nullopt;
  if (row.status == catalog::BackendStatus::cooling && until)
    live->gauge->recovery().cool(context.loop.now() + (*until - context.loop.wall()));
  context.shared.on_gauges_changed();
}

Reply reply_row(const Backend& row, std::uint64_t revision, std::uint16_t status) {
  return reply_json(catalog::format_backend(row, catalog::View::admin), revision, status);
}

}  // namespace

net::Task<Answer> store_backend(AdminContext& context, Call& call) {
  const Result<std::shared_ptr<const Given>> given = read_given(call.body, "row");
  if (!given) co_return given.error();
  auto body = [given = *given](CatalogTables& tables) -> Result<Backend> {
    Backend row;
    row.id = given->id;
    row.source = "admin";
    store::apply_updates(given->updates, row);
    const Result<Backend> made = store::create_backend(tables, std::move(row));
    if (!made) return made.error();
    return *tables.backends.find(made->id, store::Keys::closed);
  };
  auto changing = change_store(context, call, std::move(body));
  const Result<Changed<Backend>> made = co_await changing;
  if (!made) co_return made.error();
  tell_gauge(context, made->value);
  co_return reply_row(made->value, made->revision, 201);
}

net::Task<Answer> update_stored_backend(AdminContext& context, Call& call) {
  const Result<std::shared_ptr<const Given>> given = read_given(call.body, "updates");
  if (!given) co_return given.error();
  auto body = [id = call.path.front(), given = *given](CatalogTables& tables) {
    return store::update_backend(tables, id, given->updates);
  };
  auto changing = change_store(context, call, std::move(body));
  const Result<Changed<std::optional<Backend>>> changed = co_await changing;
  if (!changed) co_return changed.error();
  if (!changed->value) co_return base::fail(base::ErrorKind::not_found, "there is no backend of this id");
  if ((*given)->says_state) tell_gauge(context, *changed->value);
  co_return reply_row(*changed->value, changed->revision, 200);
}

}  // namespace headworks::admin
