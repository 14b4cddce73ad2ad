// What handlers ask of the catalog's store, and how they answer: one question or one change, awaited on the loop.
#pragma once

#include <boost/json.hpp>
#include <optional>
#include <type_traits>
#include <utility>

#include "admin/admin_routes.hpp"

namespace headworks::admin {

// A page: {"data": [...], "next": cursor or null}.
Reply reply_page(boost::json::array rows, std::optional<std::string> next, std::uint64_t revision);
Reply reply_json(const boost::json::value& body, std::uint64_t revision, std::uint16_t status = 200);

// A difference, line by line; `json` as a document, or as the text that it is.
boost::json::array json_of(const std::vector<store::Edit>& edits);
boost::json::value parsed_or_text(const std::optional<std::string>& json);

// `body(CatalogTables&) -> T`, in one go with no change between.
template <class Body>
auto ask_store(AdminContext& context, Body body)
    -> net::Task<base::Result<std::invoke_result_t<Body&, store::CatalogTables&>>> {
  StoreAnswer<std::invoke_result_t<Body&, store::CatalogTables&>> answer(context.loop);
  answer.refuse_unless(context.shared.store.post_ask(std::move(body), answer.callback()));
  auto result = co_await answer;
  co_return result;
}

enum class Trial : std::uint8_t { no, yes };  // yes: everything is undone in the end

// `body(CatalogTables&) -> Result<T>`, as one change by whoever calls, if the revision is still the one that the call
// was made for.
template <class Body>
auto change_store(AdminContext& context, const Call& call, Body body, Trial trial = Trial::no)
    -> net::Task<base::Result<store::Changed<typename std::invoke_result_t<Body&, store::CatalogTables&>::value_type>>> {
  using Value = typename std::invoke_result_t<Body&, store::CatalogTables&>::value_type;
  StoreAnswer<store::Changed<Value>> answer(context.loop);
  const bool posted = context.shared.store.post_change(
      {.actor = call.actor, .if_revision = call.if_revision, .trial = trial == Trial::yes}, std::move(body),
      answer.callback());
  answer.refuse_unless(posted);
  auto result = co_await answer;
  co_return result;
}

// The same, as whole handlers.

// `body` -> boost::json::array: all rows.
template <class Body>
net::Task<Answer> answer_rows(AdminContext& context, Body body) {
  auto asking = ask_store(context, std::move(body));
  base::Result<boost::json::array> rows = co_await asking;
  if (!rows) co_return rows.error();
  co_return reply_page(*std::move(rows), std::nullopt, context.snapshot()->revision());
}

// `body` -> optional boost::json::object: one row, or `missing`.
template <class Body>
net::Task<Answer> answer_row(AdminContext& context, base::Error missing, Body body) {
  auto asking = ask_store(context, std::move(body));
  const base::Result<std::optional<boost::json::object>> row = co_await asking;
  if (!row) co_return row.error();
  if (!*row) co_return missing;
  co_return reply_json(**row, context.snapshot()->revision());
}

// `body` -> Result<boost::json::object>: the row after the change.
template <class Body>
net::Task<Answer> answer_change(AdminContext& context, const Call& call, std::uint16_t status, Body body) {
  auto changing = change_store(context, call, std::move(body));
  const base::Result<store::Changed<boost::json::object>> changed = co_await changing;
  if (!changed) co_return changed.error();
  co_return reply_json(changed->value, changed->revision, status);
}

// `body` -> Result<bool>: it is gone; false, `missing`.
template <class Body>
net::Task<Answer> answer_removal(AdminContext& context, const Call& call, base::Error missing, Body body) {
  auto changing = change_store(context, call, std::move(body));
  const base::Result<store::Changed<bool>> gone = co_await changing;
  if (!gone) co_return gone.error();
  if (!gone->value) co_return missing;
  co_return Reply{.status = 204, .body = {}, .revision = gone->revision};
}

}  // namespace headworks::admin
