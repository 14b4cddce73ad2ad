// The import of a sidecar's database: its rows come in the body, as they stood in its tables.
#include "admin/body.hpp"
#include "admin/endpoints.hpp"
#include "admin/store_calls.hpp"
#include "store/sidecar_tables.hpp"

namespace headworks::admin {
namespace {

using base::Result;

constexpr std::size_t kMostRows = 10'000;

std::string text_of(const boost::json::value& value) {
  return value.is_string() ? std::string(value.as_string()) : boost::json::serialize(value);
}

// The rows of one table; none when it is not in the body.
Result<std::vector<store::SidecarRow>> read_rows(const boost::json::object& body, std::string_view table) {
  std::vector<store::SidecarRow> rows;
  const boost::json::value* list = body.if_contains(table);
  if (list == nullptr) return rows;
  const std::string path = "$." + std::string(table);
  if (!list->is_array() || list->as_array().size() > kMostRows)
    return wrong(path, "must be the rows of the table, at most " + std::to_string(kMostRows));
  for (const boost::json::value& each : list->as_array()) {
    if (!each.is_object()) return wrong(path + "[" + std::to_string(rows.size()) + "]", "must be an object of columns");
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

boost::json::object json_of(const store::SidecarTable& table) {
  return {{"taken", table.taken}, {"kept", table.kept}, {"left", table.left}, {"unknown", array_of(table.unknown)}};
}

// Everything that a body holds.
struct Sidecar {
  std::vector<store::SidecarRow> backends, cooldowns, config, usage;
  std::uint64_t usage_from = 0;  // the number of the first row of usage in its table
  std::optional<vault::SidecarKey> key;
};

// What became of it.
struct Taken {
  store::SidecarImport backends;
  store::SidecarTable cooldowns, config;
};

Result<Sidecar> read_sidecar(const boost::json::value& document) {
  const auto body = read_members(document, {"backends", "cooldowns", "config", "usage", "usage_from", "key"});
  if (!body) return body.error();
  Sidecar sidecar;
  const auto key = find_text(**body, "key");
  if (!key) return key.error();
  if (*key) {
    sidecar.key = vault::parse_sidecar_key(**key);
    if (!sidecar.key) return wrong("$.key", "must be 32 bytes in base64");
  }
  const auto from = find_number(**body, "usage_from", 0, 1e15);
  if (!from) return from.error();
  sidecar.usage_from = static_cast<std::uint64_t>(from->value_or(0));
  for (const auto& [name, rows] : {std::pair("backends", &sidecar.backends), std::pair("cooldowns", &sidecar.cooldowns),
                                   std::pair("config", &sidecar.config), std::pair("usage", &sidecar.usage)}) {
    Result<std::vector<store::SidecarRow>> read = read_rows(**body, name);
    if (!read) return read.error();
    *rows = *std::move(read);
  }
  return sidecar;
}

Result<Taken> take_over(store::CatalogTables& tables, const Sidecar& sidecar) {
  Taken taken;
  Result<store::SidecarImport> backends = store::import_sidecar(tables, sidecar.backends, sidecar.key);
  if (!backends) return backends.error();
  taken.backends = *std::move(backends);
  store::import_sidecar_cooldowns(tables, sidecar.cooldowns, taken.backends.cooling, taken.cooldowns);
  if (const Result<void> config = store::import_sidecar_config(tables, sidecar.config, taken.config); !config)
    return config.error();
  return taken;
}

net::Task<Result<store::SidecarTable>> take_over_usage(AdminContext& context, const Sidecar& sidecar, bool trial) {
  store::SidecarTable fared;
  auto records = store::read_sidecar_usage(sidecar.usage, sidecar.usage_from, *context.snapshot(), fared);
  fared.taken = static_cast<std::uint32_t>(records.size());
  if (trial || records.empty()) co_return fared;
  StoreAnswer<std::uint64_t> answer(context.loop);
  answer.refuse_unless(context.shared.ledger.post_import(std::move(records), answer.callback()));
  const Result<std::uint64_t> rows = co_await answer;
  if (!rows) co_return rows.error();
  fared.kept = fared.taken - static_cast<std::uint32_t>(*rows);
  fared.taken = static_cast<std::uint32_t>(*rows);
  co_return fared;
}

}  // namespace

net::Task<Answer> import_sidecar(AdminContext& context, Call& call) {
  Result<Sidecar> read = read_sidecar(call.body);
  if (!read) co_return read.error();
  const auto sidecar = std::make_shared<const Sidecar>(*std::move(read));
  const bool trial = call.find_query("dry_run") == "1";
  if (!trial && !call.find_query("dry_run").empty()) co_return wrong("?dry_run", "must be 1, or not there");
  auto edit = [sidecar](store::CatalogTables& tables) { return take_over(tables, *sidecar); };
  auto changing = change_store(context, call, std::move(edit), trial ? Trial::yes : Trial::no);
  const Result<store::Changed<Taken>> changed = co_await changing;
  if (!changed) co_return changed.error();
  const store::SidecarImport& done = changed->value.backends;
  const auto snapshot = context.snapshot();
  for (const store::SidecarImport::Cooling& cooling : done.cooling)
    if (const catalog::BackendEntry* live = trial ? nullptr : snapshot->find_backend(cooling.backend_id))
      live->gauge->recovery().cool(context.loop.now() + (cooling.until - context.loop.wall()));
  auto using_up = take_over_usage(context, *sidecar, trial);
  const Result<store::SidecarTable> usage = co_await using_up;
  if (!usage) co_return usage.error();
  co_return reply_json({{"imported", array_of(done.imported)},
                        {"kept", array_of(done.kept)},
                        {"keys_missing", array_of(done.keys_missing)},
                        {"parked", array_of(done.parked)},
                        {"cooling", done.cooling.size()},
                        {"cooldowns", json_of(changed->value.cooldowns)},
                        {"config", json_of(changed->value.config)},
                        {"usage", json_of(*usage)},
                        {"dry_run", trial}},
                       trial ? snapshot->revision() : changed->revision);
}

}  // namespace headworks::admin
