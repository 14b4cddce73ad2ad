#include "store/settings_table.hpp"

#include <boost/json.hpp>

namespace headworks::store {

std::vector<SettingRow> SettingsTable::list() {
  std::vector<SettingRow> rows;
  for (Query found = db_.query("SELECT key, value_json, source FROM settings ORDER BY key"); found.next();)
    rows.push_back({.setting = {found.string(0), found.string(1)}, .source = found.string(2)});
  return rows;
}

catalog::Settings SettingsTable::read() {
  catalog::Settings settings;
  for (const SettingRow& row : list()) {
    catalog::Settings overlaid = settings;
    if (catalog::parse_settings(catalog::unflatten_settings({row.setting}), overlaid).ok())
      settings = overlaid;
  }
  return settings;
}

vault::Algorithm SettingsTable::sealing_algorithm() {
  Query found = db_.query("SELECT trim(value_json, '\"') FROM settings WHERE key = 'crypto.alg'");
  return (found.next() ? vault::find_algorithm(found.text(0)) : std::nullopt).value_or(vault::Algorithm::aes_256_gcm);
}

void SettingsTable::put(const catalog::Setting& setting, std::string_view source) {
  db_.change(
      "INSERT INTO settings (key, value_json, source) VALUES (?,?,?) "
      "ON CONFLICT (key) DO UPDATE SET value_json = excluded.value_json, source = excluded.source",
      setting.key, setting.value_json, source);
}

bool SettingsTable::remove(std::string_view key) {
  return db_.change("DELETE FROM settings WHERE key = ?", key) != 0;
}

std::vector<catalog::Price> PricesTable::list() {
  std::vector<catalog::Price> rows;
  for (Query found =
           db_.query("SELECT model, input, output, cached_input, source FROM prices ORDER BY model");
       found.next();)
    rows.push_back({.model = found.string(0),
                    .input = found.real(1),
                    .output = found.real(2),
                    .cached_input = found.real(3),
                    .source = found.string(4)});
  return rows;
}

void PricesTable::put(const catalog::Price& row) {
  db_.change(
      "INSERT INTO prices (model, input, output, cached_input, source) VALUES (?,?,?,?,?) "
      "ON CONFLICT (model) DO UPDATE SET input = excluded.input, output = excluded.output, "
      "cached_input = excluded.cached_input, source = excluded.source",
      row.model, row.input, row.output, row.cached_input, row.source);
}

bool PricesTable::remove(std::string_view model) {
  return db_.change("DELETE FROM prices WHERE model = ?", model) != 0;
}

}  // namespace headworks::store
