// What handlers ask of the catalog's store, and how they answer: one question or one change, awaited on the loop.
#pragma once

#include <boost/json.hpp>
#include <type_traits>
#include <utility>

#include "admin/admin_routes.hpp"

namespace headworks::admin {

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

// A page: {"data": [...], "next": cursor or null}.
Reply reply_page(boost::json::array rows, std::optional<std::string> next, std::uint64_t revision);
Reply reply_json(const boost::json::value& body, std::uint64_t revision, std::uint16_t status = 200);

}  // namespace headworks::admin
