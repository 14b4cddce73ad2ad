#include "vault/client_key.hpp"

#include <gtest/gtest.h>

#include <cstdio>
#include <set>
#include <string>

namespace headworks::vault {
namespace {

std::array<std::uint8_t, 32> counting_bytes() {
  std::array<std::uint8_t, 32> bytes{};
  for (std::size_t at = 0; at < bytes.size(); ++at) bytes[at] = static_cast<std::uint8_t>(at);
  return bytes;
}

std::string hex_of(const KeyDigest& digest) {
  std::string text;
  for (const std::uint8_t byte : digest) {
    char pair[3];
    std::snprintf(pair, sizeof pair, "%02x", byte);
    text += pair;
  }
  return text;
}

TEST(ClientKeyHasher, IsKeyedBlake2b) {
  // Python: hashlib.blake2b(b"hw_key_x", key=bytes(range(32)), digest_size=32).hexdigest()
  EXPECT_EQ(hex_of(ClientKeyHasher(counting_bytes()).digest("hw_key_x")),
            "dbde7951a9ff49eac63932181525422ede55c42a5b2545c9d0e388c15bbf116d");
}

TEST(ClientKeyHasher, AnotherPepperOrAnotherKeyIsAnotherDigest) {
  auto other = counting_bytes();
  other[31] ^= 1;
  const ClientKeyHasher hasher(counting_bytes()), stranger(other);
  EXPECT_TRUE(equal(hasher.digest("key"), hasher.digest("key")));
  EXPECT_FALSE(equal(hasher.digest("key"), hasher.digest("kez")));
  EXPECT_FALSE(equal(hasher.digest("key"), stranger.digest("key")));
  EXPECT_FALSE(equal(hasher.digest(""), hasher.digest(std::string_view("\0", 1))));
}

TEST(Digests, AreEqualOnlyWhenEveryByteIs) {
  const KeyDigest digest = ClientKeyHasher(counting_bytes()).digest("key");
  for (std::size_t at = 0; at < digest.size(); ++at) {
    KeyDigest near = digest;
    near[at] ^= 0x80;
    EXPECT_FALSE(equal(digest, near)) << at;
  }
}

TEST(ClientKey, HasItsFormAndIsNeverMadeTwice) {
  std::set<std::string> seen;
  for (int turn = 0; turn < 1000; ++turn) {
    const base::Secret key = make_client_key();
    const std::string_view text = key.reveal();
    ASSERT_EQ(text.size(), 57u);
    EXPECT_TRUE(text.starts_with("hw_key_"));
    EXPECT_EQ(text[50], '_');
    EXPECT_EQ(text.find_first_not_of("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_"),
              text.npos);
    EXPECT_TRUE(is_well_formed(text));
    EXPECT_TRUE(seen.insert(std::string(text)).second);
  }
}

TEST(ClientKey, EveryTypingErrorIsSeen) {
  const base::Secret key = make_client_key();
  for (std::size_t at = 0; at < key.size(); ++at) {
    std::string typed(key.reveal());
    typed[at] = typed[at] == 'a' ? 'b' : 'a';
    EXPECT_FALSE(is_well_formed(typed)) << at;
    EXPECT_FALSE(is_well_formed(key.reveal().substr(0, at))) << at;
  }
  EXPECT_FALSE(is_well_formed(std::string(key.reveal()) + "0"));
  EXPECT_FALSE(is_well_formed(""));
  EXPECT_FALSE(is_well_formed("sk-not-ours"));
}

}  // namespace
}  // namespace headworks::vault
