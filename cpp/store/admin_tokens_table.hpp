// The table `admin_tokens`: who may operate, by digest. Same rules as every *_table.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "catalog/rows.hpp"
#include "store/sqlite.hpp"

namespace headworks::store {

class AdminTokensTable {
 public:
  explicit AdminTokensTable(Connection& db) : db_(db) {}
  std::vector<catalog::AdminToken> list();  // oldest first
  std::optional<catalog::AdminToken> find(std::string_view id_or_name);
  void insert(const catalog::AdminToken& row);
  bool remove(std::string_view id);

 private:
  Connection& db_;
};

}  // namespace headworks::store
