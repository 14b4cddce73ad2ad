// The table `levels` of usage.db: how full the buckets were a moment ago, so that a restart admits nothing
// that its predecessor would not have. A level is a list of numbers whose meaning is the writer's. Same rules
// as every *_table.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "store/sqlite.hpp"

namespace headworks::store {

struct LevelRow {
  std::string owner;  // id of a backend or client key
  std::string kind;   // started | tokens | spend | late
  std::vector<std::int64_t> numbers;
};

class LevelsTable {
 public:
  explicit LevelsTable(Connection& db) : db_(db) {}
  void put(const LevelRow& row);
  std::vector<LevelRow> list();
  // Those of one kind, which are not there any more then.
  std::vector<LevelRow> take(std::string_view kind);
  // Empty when there is no such row.
  std::vector<std::int64_t> numbers_of(std::string_view owner, std::string_view kind);

 private:
  Connection& db_;
};

}  // namespace headworks::store
