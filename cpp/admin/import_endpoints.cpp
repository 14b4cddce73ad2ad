// The import of a sidecar's database: its rows come in the body, as they stood in its table.
#include "admin/body.hpp"
#include "admin/endpoints.hpp"
#include "admin/store_calls.hpp"
#include "store/sidecar_import.hpp"

namespace headworks::admin {
namespace {

using base::Result;

constexpr std::size_t kMostRows = 10'000;

std::string text_of(const boost::json::value& value) {
  return value.is_string() ? std::string(value.as_string()) : boost::json::serialize(value);
}

Result<std::vector<store::SidecarRow>> read_rows(const boost::json::object& body) {
  const boost::json::value* list = body.if_contains("backends");
  if (list == nullptr || !list->is_array() || list->as_array().size() > kMostRows)
    return wrong("$.backends", "must be the rows of the table, at most " + std::to_string(kMostRows));
  std::vector<store::SidecarRow> rows;
  for (const boost::json::value& each : list->as_array()) {
    if (!each.is_object()) return wrong("$.backends[" + std::to_string(rows.size()) + "]", "must be an object of columns");
    store::SidecarRow& row = rows.emplace_back();
    for (const auto& [name, value] : each.as_object())
      if (!value.is_null()) row.emplace(std::string(name), text_of(value));
  }
  return rows;
}

boost::json::array array_of(const std::vector<std::string>& names) {
  boost::json::array array;
  for (const std::string& name : names) array.push_back(boost::json::string(name));
  return array;
}

}  // namespace

net::Task<Answer> import_sidecar(AdminContext& context, Call& call) {
  const auto body = read_members(call.body, {"backends", "key"});
  if (!body) co_return body.error();
  const auto key_text = find_text(**body, "key");
  if (!key_text) co_return key_text.error();
  std::optional<vault::SidecarKey> key;
  if (*key_text) {
    key = vault::parse_sidecar_key(**key_text);
    if (!key) co_return wrong("$.key", "must be 32 bytes in base64");
  }
  Result<std::vector<store::SidecarRow>> rows = read_rows(**body);
  if (!rows) co_return rows.error();
  const bool trial = call.find_query("dry_run") == "1";
  if (!trial && !call.find_query("dry_run").empty()) co_return wrong("?dry_run", "must be 1, or not there");
  auto edit = [rows = *std::move(rows), key](store::CatalogTables& tables) { return store::import_sidecar(tables, rows, key); };
  auto changing = change_store(context, call, std::move(edit), trial ? Trial::yes : Trial::no);
  const Result<store::Changed<store::SidecarImport>> changed = co_await changing;
  if (!changed) co_return changed.error();
  const store::SidecarImport& done = changed->value;
  const auto snapshot = context.snapshot();
  for (const store::SidecarImport::Cooling& cooling : done.cooling)
    if (const catalog::BackendEntry* live = trial ? nullptr : snapshot->find_backend(cooling.backend_id))
      live->gauge->recovery().cool(context.loop.now() + (cooling.until - context.loop.wall()));
  co_return reply_json({{"imported", array_of(done.imported)},
                        {"kept", array_of(done.kept)},
                        {"keys_missing", array_of(done.keys_missing)},
                        {"parked", array_of(done.parked)},
                        {"cooling", done.cooling.size()},
                        {"dry_run", trial}},
                       trial ? snapshot->revision() : changed->revision);
}

}  // namespace headworks::admin
