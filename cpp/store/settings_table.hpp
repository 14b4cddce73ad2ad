// The tables `settings` (one row per setting that is not at its default) and `prices`. Same rules as every
// *_table.
#pragma once

#include <string_view>
#include <vector>

#include "catalog/row_json.hpp"
#include "store/sqlite.hpp"
#include "vault/envelope.hpp"

namespace headworks::store {

struct SettingRow {
  catalog::Setting setting;
  std::string source;
};

class SettingsTable {
 public:
  explicit SettingsTable(Connection& db) : db_(db) {}
  std::vector<SettingRow> list();
  // Defaults, overlaid with the rows. A row that is not understood any more (an older version wrote it) is
  // left out.
  catalog::Settings read();
  // crypto.alg alone: asked for with each seal.
  vault::Algorithm sealing_algorithm();
  void put(const catalog::Setting& setting, std::string_view source);
  bool remove(std::string_view key);

 private:
  Connection& db_;
};

class PricesTable {
 public:
  explicit PricesTable(Connection& db) : db_(db) {}
  std::vector<catalog::Price> list();  // by model
  void put(const catalog::Price& row);
  bool remove(std::string_view model);

 private:
  Connection& db_;
};

}  // namespace headworks::store
