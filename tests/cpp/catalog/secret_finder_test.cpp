#include "catalog/secret_finder.hpp"

#include <gtest/gtest.h>

#include "base/random.hpp"
#include "vault/client_key.hpp"

namespace headworks::catalog {
namespace {

std::string masked(const SecretFinder& finder, std::string text) {
  const bool stands_in = finder.stands_in(text);
  EXPECT_EQ(finder.mask(text) != 0, stands_in);
  return text;
}

TEST(SecretFinder, MasksEverySecretWhereverItStands) {
  const SecretFinder finder({"sk-proj-0123456789abcdef", "sk-proj-fedcba9876543210", "short"});
  EXPECT_EQ(masked(finder, "Incorrect API key provided: sk-proj-0123456789abcdef."), "Incorrect API key provided: ***.");
  EXPECT_EQ(masked(finder, "sk-proj-0123456789abcdefsk-proj-fedcba9876543210"), "******");
  EXPECT_EQ(masked(finder, "sk-proj-0123456789abcde"), "sk-proj-0123456789abcde") << "not the whole of it";
  EXPECT_EQ(masked(finder, "0123456789abcdef"), "0123456789abcdef") << "as long as the least, and its end only";
  EXPECT_EQ(masked(finder, "short"), "short") << "may be a word";
  EXPECT_EQ(masked(finder, ""), "");
}

TEST(SecretFinder, OfTwoThatEndAlikeTheLongerOneIsMaskedWhole) {
  const SecretFinder finder({"0123456789abcdef", "key-0123456789abcdef"});
  EXPECT_EQ(masked(finder, "a key-0123456789abcdef b 0123456789abcdef"), "a *** b ***");
}

TEST(SecretFinder, WithoutSecretsNothingIsOne) {
  EXPECT_EQ(masked(SecretFinder{}, "sk-0123456789abcdef"), "sk-0123456789abcdef");
  const SecretFinder none(std::vector<std::string_view>{});
  EXPECT_EQ(masked(none, "sk-0123456789abcdef"), "sk-0123456789abcdef");
}

TEST(SecretFinder, AmongManyItFindsEachAndNothingElse) {
  base::Random random(7);
  std::vector<std::string> secrets;
  for (int number = 0; number < 1000; ++number) {
    std::string secret = "sk-";
    while (secret.size() < 40) secret.push_back(static_cast<char>('a' + random.below(26)));
    secrets.push_back(secret);
  }
  const SecretFinder finder(std::vector<std::string_view>(secrets.begin(), secrets.end()));
  std::string noise;
  while (noise.size() < 100'000) noise.push_back(static_cast<char>('a' + random.below(26)));
  EXPECT_EQ(masked(finder, noise), noise);
  for (const std::string& secret : secrets) EXPECT_EQ(masked(finder, "x" + secret + "y"), "x***y");
}

TEST(MadeKeys, AreKnownByTheirForm) {
  const base::Secret key = vault::make_client_key();
  std::string text = "model=" + std::string(key.reveal()) + " hw_key_not-one " + std::string(key.reveal());
  EXPECT_EQ(mask_made_keys(text), 2u);
  EXPECT_EQ(text, "model=*** hw_key_not-one ***");
}

}  // namespace
}  // namespace headworks::catalog
