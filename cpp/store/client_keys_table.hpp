// The table `client_keys`: digests, never keys. Same rules as every *_table.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "catalog/rows.hpp"
#include "store/sqlite.hpp"

namespace headworks::store {

class ClientKeysTable {
 public:
  explicit ClientKeysTable(Connection& db) : db_(db) {}
  std::vector<catalog::ClientKey> list();  // oldest first
  std::optional<catalog::ClientKey> find(std::string_view id);
  std::optional<catalog::ClientKey> find_by_name(std::string_view name);
  void insert(const catalog::ClientKey& row);
  bool update(const catalog::ClientKey& row);  // every column but created_at
  bool remove(std::string_view id);

 private:
  Connection& db_;
};

}  // namespace headworks::store
