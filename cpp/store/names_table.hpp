// The table `names` of usage.db: every text that repeats in the ledger stands once, and has a number. The numbers
// that were asked for are remembered; Names belongs to the thread of the connection that writes. Same rules as
// every *_table.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "store/sqlite.hpp"

namespace headworks::store {

class Names {
 public:
  // The number of a text, new if it has none. REQUIRES a transaction.
  std::int64_t id_of(Connection& db, std::string_view text);
  // A transaction was rolled back (what it made is not there), or somebody else has written.
  void forget() { ids_.clear(); }

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  std::unordered_map<std::string, std::int64_t, Hash, std::equal_to<>> ids_;
};

// For readers; none: the ledger has never seen it.
std::optional<std::int64_t> find_name(Connection& db, std::string_view text);

}  // namespace headworks::store
