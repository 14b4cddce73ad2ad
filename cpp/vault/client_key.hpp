// Client keys: how they are made, recognised and remembered. A key is 256 bits of randomness, so a keyed hash
// is enough to store (no password hashing); the digest is never accepted as a key and never shown.
//
// Form: hw_key_<43 characters of base 62>_<6 characters of checksum>; the checksum lets scanners and typing
// errors be told without a server. Thread-safe. Must not know: where keys are stored.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "base/secret.hpp"

namespace headworks::vault {

using KeyDigest = std::array<std::uint8_t, 32>;

class ClientKeyHasher {
 public:
  // `pepper` is a sub-key of the master key: a stolen database cannot be tested against guessed keys.
  explicit ClientKeyHasher(const std::array<std::uint8_t, 32>& pepper) : pepper_(pepper) {}
  ~ClientKeyHasher();
  ClientKeyHasher(const ClientKeyHasher&) = delete;
  ClientKeyHasher& operator=(const ClientKeyHasher&) = delete;

  // Keyed BLAKE2b-256 of the whole key.
  KeyDigest digest(std::string_view key) const;

 private:
  std::array<std::uint8_t, 32> pepper_;
};

// Whether two digests are the same, in a time that does not tell where they differ.
bool equal(const KeyDigest& left, const KeyDigest& right);

inline constexpr std::string_view kClientKeyPrefix = "hw_key_";
inline constexpr std::size_t kClientKeySize = kClientKeyPrefix.size() + 43 + 1 + 6;

base::Secret make_client_key();

// Right form and checksum. Says nothing about whether the key is known; keys of other forms are allowed by
// configuration.
bool is_well_formed(std::string_view key);

}  // namespace headworks::vault
