#include "store/levels_table.hpp"

#include <cstring>

namespace headworks::store {
namespace {

std::vector<LevelRow> read(Query found) {
  std::vector<LevelRow> rows;
  while (found.next()) {
    LevelRow row{.owner = found.string(0), .kind = found.string(1), .numbers = {}};
    const Blob bytes = found.blob(2);
    row.numbers.resize(bytes.size() / sizeof(std::int64_t));
    if (!row.numbers.empty())
      std::memcpy(row.numbers.data(), bytes.data(), row.numbers.size() * sizeof(std::int64_t));
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace

void LevelsTable::put(const LevelRow& row) {
  // Little-endian 64-bit numbers: the file is read by the machine that wrote it.
  std::vector<std::uint8_t> bytes(row.numbers.size() * sizeof(std::int64_t));
  if (!bytes.empty()) std::memcpy(bytes.data(), row.numbers.data(), bytes.size());
  db_.change("INSERT OR REPLACE INTO levels (owner, kind, numbers) VALUES (?,?,?)", row.owner, row.kind, Blob(bytes));
}

std::vector<LevelRow> LevelsTable::list() { return read(db_.query("SELECT owner, kind, numbers FROM levels")); }

std::vector<LevelRow> LevelsTable::take(std::string_view kind) {
  std::vector<LevelRow> rows = read(db_.query("SELECT owner, kind, numbers FROM levels WHERE kind = ?", kind));
  if (!rows.empty()) db_.change("DELETE FROM levels WHERE kind = ?", kind);
  return rows;
}

std::vector<std::int64_t> LevelsTable::numbers_of(std::string_view owner, std::string_view kind) {
  std::vector<LevelRow> rows =
      read(db_.query("SELECT owner, kind, numbers FROM levels WHERE owner = ? AND kind = ?", owner, kind));
  return rows.empty() ? std::vector<std::int64_t>{} : std::move(rows.front().numbers);
}

}  // namespace headworks::store
