#include "vault/client_key.hpp"

#include <sodium.h>

#include <stdexcept>
#include <string>

namespace headworks::vault {
namespace {

constexpr std::string_view kPrefix = kClientKeyPrefix;
constexpr std::size_t kBody = 43;
constexpr std::size_t kChecksum = 6;
constexpr char kDigits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

std::string checksum_of(std::string_view text) {
  std::array<unsigned char, 16> hash{};
  crypto_generichash(hash.data(), hash.size(), reinterpret_cast<const unsigned char*>(text.data()),
                     text.size(), nullptr, 0);
  std::string digits;
  for (std::size_t i = 0; i < kChecksum; ++i) digits.push_back(kDigits[hash[i] % 62]);
  return digits;
}

}  // namespace

ClientKeyHasher::~ClientKeyHasher() { base::wipe(pepper_.data(), pepper_.size()); }

KeyDigest ClientKeyHasher::digest(std::string_view key) const {
  KeyDigest digest{};
  crypto_generichash(digest.data(), digest.size(), reinterpret_cast<const unsigned char*>(key.data()),
                     key.size(), pepper_.data(), pepper_.size());
  return digest;
}

bool equal(const KeyDigest& left, const KeyDigest& right) {
  return sodium_memcmp(left.data(), right.data(), left.size()) == 0;
}

base::Secret make_client_key() {
  if (sodium_init() < 0) throw std::runtime_error("libsodium does not start");
  std::string text;
  text.reserve(kPrefix.size() + kBody + 1 + kChecksum);  // growing would leave copies behind
  text += kPrefix;
  for (std::size_t i = 0; i < kBody; ++i) text.push_back(kDigits[randombytes_uniform(62)]);
  text += "_" + checksum_of(text);
  base::Secret key(text);
  base::wipe(text);
  return key;
}

bool is_well_formed(std::string_view key) {
  if (key.size() != kPrefix.size() + kBody + 1 + kChecksum || !key.starts_with(kPrefix)) return false;
  const std::string_view signed_part = key.substr(0, kPrefix.size() + kBody);
  return key[signed_part.size()] == '_' && key.substr(signed_part.size() + 1) == checksum_of(signed_part);
}

}  // namespace headworks::vault
