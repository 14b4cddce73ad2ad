#include "store/master_keys_table.hpp"

#include <string>

namespace headworks::store {

void MasterKeysTable::put_check(std::uint32_t kid, std::string_view sealed, std::string_view now) {
  db_.change("INSERT OR REPLACE INTO master_key_checks (kid, sealed, created_at) VALUES (?,?,?)", kid, sealed, now);
}

base::Result<void> MasterKeysTable::count_seal(std::uint32_t kid) {
  const auto counted = db_.change(
      "INSERT INTO master_key_seals (kid, seals) VALUES (?,1) "
      "ON CONFLICT (kid) DO UPDATE SET seals = seals + 1 WHERE seals < ?",
      kid, kMaxSeals);
  if (counted != 0) return {};
  base::Error error = base::fail(base::ErrorKind::conflict, "master key " + std::to_string(kid) + " has sealed " +
                                                                std::to_string(kMaxSeals) + " times; no key may seal more often");
  error.hint = "rotate it: headworks master-key add, then headworks master-key rewrap";
  return error;
}

std::int64_t MasterKeysTable::seals_of(std::uint32_t kid) {
  Query found = db_.query("SELECT seals FROM master_key_seals WHERE kid = ?", kid);
  return found.next() ? found.integer(0) : 0;
}

void MasterKeysTable::remove(std::uint32_t kid) {
  db_.change("DELETE FROM master_key_checks WHERE kid = ?", kid);
  db_.change("DELETE FROM master_key_seals WHERE kid = ?", kid);
}

}  // namespace headworks::store
