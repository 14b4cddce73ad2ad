#include "vault/passphrase_box.hpp"

#include <gtest/gtest.h>

namespace headworks::vault {
namespace {

const base::Secret kPassphrase(std::string_view("correct horse battery"));

TEST(PassphraseBox, OpensWithItsPassphraseOnlyAndOnlyWhole) {
  const std::string box = seal_with_passphrase("the keys", kPassphrase);
  EXPECT_EQ(box.find("the keys"), std::string::npos);
  const auto opened = open_with_passphrase(box, kPassphrase);
  ASSERT_TRUE(opened);
  EXPECT_EQ(opened->reveal(), "the keys");
  EXPECT_NE(box, seal_with_passphrase("the keys", kPassphrase)) << "a salt and a nonce of its own";
  const auto other = open_with_passphrase(box, base::Secret(std::string_view("correct horse batterz")));
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().kind, base::ErrorKind::key_unreadable);
  for (const std::size_t at : {std::size_t{20}, std::size_t{40}, box.size() - 6}) {
    std::string damaged = box;
    damaged[at] = damaged[at] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(open_with_passphrase(damaged, kPassphrase)) << at;
  }
}

TEST(PassphraseBox, WhatIsNoneIsSaidSoAndWhatAsksForTooMuchIsRefused) {
  for (const std::string_view text : {"", "hwp1:", "hwe1:AAAA", "hwp1:????", "hwp1:AAAA"}) {
    const auto opened = open_with_passphrase(text, kPassphrase);
    ASSERT_FALSE(opened) << text;
    EXPECT_EQ(opened.error().kind, base::ErrorKind::bad_request);
  }
  std::string greedy = seal_with_passphrase("", kPassphrase);
  greedy.replace(5, 6, "//////");  // ops and memory
  EXPECT_EQ(open_with_passphrase(greedy, kPassphrase).error().kind, base::ErrorKind::bad_request);
}

}  // namespace
}  // namespace headworks::vault
