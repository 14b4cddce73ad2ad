// Settings, prices, the whole configuration as one document, and what became of all of it: revisions and audit.
#include <algorithm>
#include <charconv>
#include <limits>

#include "admin/body.hpp"
#include "admin/endpoints.hpp"
#include "admin/store_calls.hpp"
#include "catalog/bundled_prices.hpp"
#include "catalog/configuration.hpp"

namespace headworks::admin {
namespace {

using base::ErrorKind;
using base::Result;
using store::CatalogTables;
using store::Changed;
using store::Edit;

constexpr std::uint64_t kMostCursor = std::numeric_limits<std::int64_t>::max();

boost::json::object json_of(const store::Revision& row) {
  return {{"number", row.number}, {"at", row.at}, {"actor", row.actor}, {"summary", row.summary}};
}

boost::json::object json_of(const store::AuditRow& row) {
  return {{"id", row.id},         {"revision", row.revision}, {"at", row.at},
          {"actor", row.actor},   {"action", row.action},     {"target", row.target},
          {"before", parsed_or_text(row.before_json)},        {"after", parsed_or_text(row.after_json)}};
}

boost::json::array prices_of(CatalogTables& tables) {
  boost::json::array rows;
  for (const catalog::Price& row : tables.prices.list()) rows.push_back(catalog::format_price(row, catalog::View::admin));
  return rows;
}

struct Page {
  std::uint64_t before = 0;
  std::uint32_t limit = 100;
};
Result<Page> read_page(const Call& call) {
  const Result<std::uint64_t> before = read_count(call, "before", 0, kMostCursor);
  if (!before) return before.error();
  const Result<std::uint64_t> limit = read_count(call, "limit", 100, 1000);
  if (!limit) return limit.error();
  if (*limit == 0) return wrong("?limit", "must be at least 1");
  return Page{.before = *before, .limit = static_cast<std::uint32_t>(*limit)};
}

std::optional<std::string> next_of(const boost::json::array& rows, const Page& page, std::string_view cursor) {
  if (rows.size() < page.limit) return std::nullopt;
  return std::to_string(rows.back().at(cursor).to_number<std::int64_t>());
}

}  // namespace

net::Task<Answer> get_settings(AdminContext& context, Call&) {
  auto asking = ask_store(context, [](CatalogTables& tables) { return catalog::format_settings(tables.settings.read()); });
  const Result<boost::json::object> settings = co_await asking;
  if (!settings) co_return settings.error();
  co_return reply_json(*settings, context.snapshot()->revision());
}

net::Task<Answer> change_settings(AdminContext& context, Call& call) {
  return answer_change(context, call, 200, [document = call.body](CatalogTables& tables) -> Result<boost::json::object> {
    catalog::Settings judged;
    const catalog::Outcome outcome = catalog::parse_settings(document, judged);
    if (!outcome.ok()) return catalog::error_of(outcome.problems);
    const Result<bool> put = store::put_settings(tables, catalog::flatten_settings(document.as_object()), "admin");
    if (!put) return put.error();
    return catalog::format_settings(tables.settings.read());
  });
}

net::Task<Answer> list_prices(AdminContext& context, Call&) {
  return answer_rows(context, [](CatalogTables& tables) { return prices_of(tables); });
}

net::Task<Answer> list_bundled_prices(AdminContext& context, Call&) {
  const catalog::BundledPrices& bundled = catalog::BundledPrices::get();
  boost::json::array rows;
  for (const catalog::BundledPrices::Provider& provider : bundled.providers())
    for (const catalog::Price& price : provider.prices) {
      boost::json::object row{{"host", provider.hosts.front()}};
      for (const auto& [name, value] : catalog::format_price(price, catalog::View::configuration)) row[name] = value;
      rows.push_back(std::move(row));
    }
  co_return reply_json(
      {{"data", std::move(rows)}, {"next", nullptr}, {"date", bundled.date()}, {"source", bundled.source()}},
      context.snapshot()->revision());
}

// The whole table as one change: what is not in it is gone.
net::Task<Answer> put_prices(AdminContext& context, Call& call) {
  const auto members = read_members(call.body, {"data"});
  if (!members) co_return members.error();
  const boost::json::value* data = (*members)->if_contains("data");
  if (data == nullptr || !data->is_array()) co_return wrong("$.data", "must be a list of prices");
  std::vector<catalog::Price> rows;
  for (std::size_t at = 0; at < data->get_array().size(); ++at) {
    catalog::Price row;
    const catalog::Outcome outcome = catalog::parse_price(data->get_array()[at], catalog::Completeness::whole, row,
                                                          "$.data[" + std::to_string(at) + "]");
    if (!outcome.ok()) co_return catalog::error_of(outcome.problems);
    rows.push_back(std::move(row));
  }
  auto body = [rows = std::move(rows)](CatalogTables& tables) -> Result<boost::json::array> {
    for (const catalog::Price& before : tables.prices.list()) {
      const bool stays = std::any_of(rows.begin(), rows.end(), [&](const auto& row) { return row.model == before.model; });
      if (stays) continue;
      if (const Result<bool> gone = store::delete_price(tables, before.model); !gone) return gone.error();
    }
    for (const catalog::Price& row : rows)
      if (const Result<bool> put = store::put_price(tables, row); !put) return put.error();
    return prices_of(tables);
  };
  auto changing = change_store(context, call, std::move(body));
  Result<Changed<boost::json::array>> changed = co_await changing;
  if (!changed) co_return changed.error();
  co_return reply_page(std::move(changed->value), std::nullopt, changed->revision);
}

net::Task<Answer> get_config(AdminContext& context, Call&) {
  auto asking = ask_store(context, [](CatalogTables& tables) { return catalog::format_configuration(tables.read_rows()); });
  Result<std::string> document = co_await asking;
  if (!document) co_return document.error();
  co_return Reply{.status = 200, .body = *std::move(document), .revision = context.snapshot()->revision()};
}

net::Task<Answer> put_config(AdminContext& context, Call& call) {
  const bool trial = call.find_query("dry_run") == "1";
  if (!trial && !call.find_query("dry_run").empty()) co_return wrong("?dry_run", "must be 1, or not there");
  auto parsed = std::make_shared<catalog::ParsedConfiguration>(
      catalog::parse_configuration(boost::json::serialize(call.body), {}));
  if (!parsed->ok()) co_return catalog::error_of(parsed->problems);
  auto body = [parsed](CatalogTables& tables) -> Result<std::vector<Edit>> {
    return store::apply_configuration(tables, std::move(parsed->configuration));
  };
  auto changing = change_store(context, call, std::move(body), trial ? Trial::yes : Trial::no);
  const Result<Changed<std::vector<Edit>>> changed = co_await changing;
  if (!changed) co_return changed.error();
  co_return reply_json({{"changes", json_of(changed->value)}, {"dry_run", trial}}, trial ? context.snapshot()->revision() : changed->revision);
}

net::Task<Answer> list_revisions(AdminContext& context, Call& call) {
  const Result<Page> page = read_page(call);
  if (!page) co_return page.error();
  auto body = [page = *page](CatalogTables& tables) {
    boost::json::array rows;
    for (const store::Revision& row : tables.audit.revisions(page.before, page.limit)) rows.push_back(json_of(row));
    return rows;
  };
  auto asking = ask_store(context, std::move(body));
  Result<boost::json::array> rows = co_await asking;
  if (!rows) co_return rows.error();
  auto next = next_of(*rows, *page, "number");
  co_return reply_page(*std::move(rows), std::move(next), context.snapshot()->revision());
}

net::Task<Answer> get_revision(AdminContext& context, Call& call) {
  std::uint64_t number = 0;
  const std::string& text = call.path.front();
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
  auto body = [number](CatalogTables& tables) -> std::optional<boost::json::object> {
    const auto revision = tables.audit.find_revision(number);
    if (!revision) return std::nullopt;
    boost::json::object shown = json_of(*revision);
    boost::json::array changes;
    for (const store::AuditRow& row : tables.audit.edits_of(number)) changes.push_back(json_of(row));
    shown["changes"] = std::move(changes);
    return shown;
  };
  if (failed != std::errc{} || end != text.data() + text.size() || number > kMostCursor)
    co_return base::fail(ErrorKind::not_found, "there is no such revision");
  auto asking = ask_store(context, std::move(body));
  const Result<std::optional<boost::json::object>> row = co_await asking;
  if (!row) co_return row.error();
  if (!*row) co_return base::fail(ErrorKind::not_found, "there is no such revision");
  co_return reply_json(**row, context.snapshot()->revision());
}

net::Task<Answer> restore_revision(AdminContext& context, Call& call) {
  std::uint64_t number = 0;
  const std::string& text = call.path.front();
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failed != std::errc{} || end != text.data() + text.size() || number > kMostCursor)
    co_return base::fail(ErrorKind::not_found, "there is no such revision");
  const bool trial = call.find_query("dry_run") == "1";
  if (!trial && !call.find_query("dry_run").empty()) co_return wrong("?dry_run", "must be 1, or not there");
  auto body = [number](CatalogTables& tables) { return store::restore_revision(tables, number); };
  auto changing = change_store(context, call, std::move(body), trial ? Trial::yes : Trial::no);
  const Result<Changed<store::Restored>> changed = co_await changing;
  if (!changed) co_return changed.error();
  boost::json::array missing;
  for (const std::string& name : changed->value.keys_missing) missing.push_back(boost::json::string(name));
  co_return reply_json({{"changes", json_of(changed->value.edits)}, {"keys_missing", std::move(missing)}, {"dry_run", trial}},
                       trial ? context.snapshot()->revision() : changed->revision);
}

net::Task<Answer> list_audit(AdminContext& context, Call& call) {
  const Result<Page> page = read_page(call);
  if (!page) co_return page.error();
  auto body = [page = *page](CatalogTables& tables) {
    boost::json::array rows;
    for (const store::AuditRow& row : tables.audit.list(static_cast<std::int64_t>(page.before), page.limit))
      rows.push_back(json_of(row));
    return rows;
  };
  auto asking = ask_store(context, std::move(body));
  Result<boost::json::array> rows = co_await asking;
  if (!rows) co_return rows.error();
  auto next = next_of(*rows, *page, "id");
  co_return reply_page(*std::move(rows), std::move(next), context.snapshot()->revision());
}

}  // namespace headworks::admin
