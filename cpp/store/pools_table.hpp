// The table `pools`. Same rules as every *_table: runs inside a job, throws StorageFailure, decides nothing.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "catalog/rows.hpp"
#include "store/sqlite.hpp"

namespace headworks::store {

class PoolsTable {
 public:
  explicit PoolsTable(Connection& db) : db_(db) {}
  std::vector<catalog::Pool> list();  // in tier order
  std::optional<catalog::Pool> find(std::string_view name);
  void put(const catalog::Pool& row);  // inserts, or overwrites the one of this name
  // Makes a last tier of this name if there is none.
  bool ensure(std::string_view name, std::string_view source);
  // False when there was none. Kind conflict when backends still refer to it.
  bool remove(std::string_view name);
  bool in_use(std::string_view name);

 private:
  Connection& db_;
};

}  // namespace headworks::store
