// What the catalog knows of its master keys, by kid: a sealed constant (another key is told from a damaged row by it),
// and how often each has sealed. Never a key. Lives on the writer thread.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/result.hpp"
#include "store/sqlite.hpp"

namespace headworks::store {

// NIST SP 800-38D section 8.3 allows 2^32 random nonces under one key. Half of them: a restored backup has forgotten
// those that came after it.
inline constexpr std::int64_t kMaxSeals = std::int64_t{1} << 31;

class MasterKeysTable {
 public:
  explicit MasterKeysTable(Connection& db) : db_(db) {}

  void put_check(std::uint32_t kid, std::string_view sealed, std::string_view now);

  // One more seal with this key, in the transaction that keeps what it seals: what was never written needs no count,
  // because nobody sees its nonce. Kind conflict, saying what to do, when the key has sealed kMaxSeals times.
  base::Result<void> count_seal(std::uint32_t kid);
  std::int64_t seals_of(std::uint32_t kid);

  void remove(std::uint32_t kid);

 private:
  Connection& db_;
};

}  // namespace headworks::store
