#include "store/names_table.hpp"

namespace headworks::store {
namespace {

constexpr std::size_t kMostRemembered = 20'000;  // clients can invent model names under a wildcard

}  // namespace

std::optional<std::int64_t> find_name(Connection& db, std::string_view text) {
  Query found = db.query("SELECT id FROM names WHERE text = ?", text);
  if (!found.next()) return std::nullopt;
  return found.integer(0);
}

std::int64_t Names::id_of(Connection& db, std::string_view text) {
  if (const auto known = ids_.find(text); known != ids_.end()) return known->second;
  std::optional<std::int64_t> id = find_name(db, text);
  if (!id) {
    db.change("INSERT INTO names (text) VALUES (?)", text);
    id = db.last_rowid();
  }
  if (ids_.size() >= kMostRemembered) ids_.clear();
  ids_.emplace(text, *id);
  return *id;
}

}  // namespace headworks::store
