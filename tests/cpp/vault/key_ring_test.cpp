#include "vault/key_ring.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>

#include "temporary_folder.hpp"

namespace headworks::vault {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kZeros = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
constexpr const char* kCounting = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

std::string hex_of(const SubKey& key) {
  std::string text;
  for (const std::uint8_t byte : key) {
    char pair[3];
    std::snprintf(pair, sizeof pair, "%02x", byte);
    text += pair;
  }
  return text;
}

std::string why_not(const base::Result<std::shared_ptr<const KeyRing>>& ring) {
  if (ring) return "";
  EXPECT_EQ(ring.error().kind, base::ErrorKind::key_unreadable);
  return ring.error().message;
}

class KeyRingSources : public testing::Test {
 protected:
  KeyRingSources() { forget(); }
  ~KeyRingSources() override { forget(); }
  static void forget() {
    ::unsetenv("CREDENTIALS_DIRECTORY");
    ::unsetenv("HEADWORKS_MASTER_KEY");
  }
  TemporaryFolder data_;
};

TEST(KeyRing, DerivesSubKeysAsLibsodiumDocumentsThem) {
  // Python: hashlib.blake2b(key=bytes(range(32)), digest_size=32, salt=(1).to_bytes(16, "little"),
  // person=context)
  const auto ring = KeyRing::parse(kCounting, "test").value();
  EXPECT_EQ(hex_of(ring->sealing_key(1)), "466e0b91f4cbd3e68a25c4a5e06f0abe1da4189baaa348eb07657516a0c7b809");
  EXPECT_EQ(hex_of(ring->pepper()), "f7e453b6566f2b1276be536759d3bc90fa7f980413eee97ec8443e424fe01565");
}

TEST(KeyRing, ReadsOneKeyOrANumberedList) {
  EXPECT_THAT(KeyRing::parse(kZeros, "t").value()->kids(), ElementsAre(1u));
  EXPECT_THAT(KeyRing::parse(std::string(kZeros) + "\r\n\n", "t").value()->kids(), ElementsAre(1u));
  const auto ring = KeyRing::parse("3 " + std::string(kZeros) + "\n 7 " + kCounting + "\n", "t").value();
  EXPECT_THAT(ring->kids(), ElementsAre(3u, 7u));
  EXPECT_EQ(ring->newest(), 7u);
  EXPECT_TRUE(ring->has(3));
  EXPECT_FALSE(ring->has(1));
}

TEST(KeyRing, SaysWhereTheTextIsNoKeyWithoutShowingIt) {
  const std::string zeros = kZeros;
  for (const std::string& text :
       {std::string(), std::string("\n\n"), std::string("canary"), zeros.substr(0, 40), zeros + "A",
        "0 " + zeros, "-1 " + zeros, "1x " + zeros, "4294967296 " + zeros, "1 " + zeros + "\n1 " + kCounting,
        zeros + "\ncanary", zeros + "\npepper canary", "pepper " + zeros, std::string(100, '\0'),
        "pepper " + zeros + "\npepper " + zeros + "\n1 " + zeros}) {
    const std::string why = why_not(KeyRing::parse(text, "the test"));
    EXPECT_THAT(why, HasSubstr("the test")) << text;
    EXPECT_THAT(why, Not(HasSubstr("canary")));
  }
}

TEST_F(KeyRingSources, TheFirstStartMakesAPrivateFileThatTheNextOneReads) {
  const auto made = KeyRing::load(data_.path(), true);
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ((*made)->origin(), data_ / "master.key");
  struct stat info {};
  ASSERT_EQ(::stat((data_ / "master.key").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0600u);
  EXPECT_FALSE(std::filesystem::exists(data_ / "master.key.new"));
  const auto again = KeyRing::load(data_.path(), false);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ((*again)->sealing_key(1), (*made)->sealing_key(1));
}

TEST_F(KeyRingSources, TwoFirstStartsMakeTwoKeys) {
  TemporaryFolder other;
  EXPECT_NE(KeyRing::load(data_.path(), true).value()->pepper(),
            KeyRing::load(other.path(), true).value()->pepper());
}

TEST_F(KeyRingSources, NothingIsMadeWhereSealedKeysAre) {
  EXPECT_THAT(why_not(KeyRing::load(data_.path(), false)),
              HasSubstr("put the right " + data_ / "master.key"));
  EXPECT_FALSE(std::filesystem::exists(data_ / "master.key"));
}

TEST_F(KeyRingSources, TheRestOfAKilledStartIsNotInTheWay) {
  data_.write("master.key.new", "half a k");
  EXPECT_TRUE(KeyRing::load(data_.path(), true));
  EXPECT_FALSE(std::filesystem::exists(data_ / "master.key.new"));
}

TEST_F(KeyRingSources, AFolderThatCannotBeWrittenIsAnError) {
  EXPECT_THAT(why_not(KeyRing::load(data_ / "missing", true)), HasSubstr("could not be made"));
}

TEST_F(KeyRingSources, AFileThatOthersMayReadIsRefused) {
  for (const mode_t mode : {0644u, 0640u, 0604u, 0620u, 0601u, 0660u, 0666u}) {
    data_.write("master.key", kZeros, mode);
    EXPECT_THAT(why_not(KeyRing::load(data_.path(), true)), HasSubstr("chmod 600")) << mode;
  }
  for (const mode_t mode : {0600u, 0400u}) {
    data_.write("master.key", kZeros, mode);
    EXPECT_TRUE(KeyRing::load(data_.path(), true)) << mode;
  }
}

TEST_F(KeyRingSources, AFolderThatEverybodyMayChangeIsRefused) {
  data_.write("master.key", kZeros);
  ::chmod(data_.path().c_str(), 0777);
  EXPECT_THAT(why_not(KeyRing::load(data_.path(), true)), HasSubstr("chmod o-w"));
  ::chmod(data_.path().c_str(), 01777);
  EXPECT_TRUE(KeyRing::load(data_.path(), true)) << "sticky: nobody else can replace the file";
}

TEST_F(KeyRingSources, OnlyARegularFileIsAKeyFile) {
  data_.write("elsewhere", kZeros);
  ASSERT_EQ(::symlink((data_ / "elsewhere").c_str(), (data_ / "master.key").c_str()), 0);
  EXPECT_THAT(why_not(KeyRing::load(data_.path(), true)), HasSubstr("symbolic link"));
  std::filesystem::remove(data_ / "master.key");
  ASSERT_EQ(::mkfifo((data_ / "master.key").c_str(), 0600), 0);
  EXPECT_THAT(why_not(KeyRing::load(data_.path(), true)), HasSubstr("not a regular file"));
  std::filesystem::remove(data_ / "master.key");
  std::filesystem::create_directory(data_ / "master.key");
  EXPECT_THAT(why_not(KeyRing::load(data_.path(), true)), HasSubstr("not a regular file"));
}

TEST_F(KeyRingSources, AFileOfAnotherUserIsRefused) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give files away";
  const std::string path = data_.write("master.key", kZeros);
  ASSERT_EQ(::chown(path.c_str(), 12345, 12345), 0);
  EXPECT_THAT(why_not(KeyRing::load(data_.path(), true)), HasSubstr("belongs to another user"));
}

TEST_F(KeyRingSources, AnEndlessFileIsRefused) {
  data_.write("master.key", std::string(100'000, 'A'));
  EXPECT_THAT(why_not(KeyRing::load(data_.path(), true)), HasSubstr("too large"));
}

TEST_F(KeyRingSources, TheFileWinsOverTheCredentialAndThatOverTheVariable) {
  TemporaryFolder credentials;
  ::setenv("HEADWORKS_MASTER_KEY", kZeros, 1);
  EXPECT_EQ(KeyRing::load(data_.path(), true).value()->origin(), "HEADWORKS_MASTER_KEY");
  EXPECT_EQ(std::getenv("HEADWORKS_MASTER_KEY"), nullptr) << "children must not inherit it";

  ::setenv("HEADWORKS_MASTER_KEY", kZeros, 1);
  ::setenv("CREDENTIALS_DIRECTORY", credentials.path().c_str(), 1);
  credentials.write("headworks.key", kCounting);
  EXPECT_EQ(KeyRing::load(data_.path(), true).value()->origin(), credentials / "headworks.key");
  EXPECT_EQ(std::getenv("HEADWORKS_MASTER_KEY"), nullptr) << "also when it was not needed";

  data_.write("master.key", kZeros);
  EXPECT_EQ(KeyRing::load(data_.path(), true).value()->origin(), data_ / "master.key");
}

TEST_F(KeyRingSources, ABadSourceIsAnErrorAndNotSkipped) {
  TemporaryFolder credentials;
  ::setenv("CREDENTIALS_DIRECTORY", credentials.path().c_str(), 1);
  credentials.write("headworks.key", "nonsense");
  EXPECT_THAT(why_not(KeyRing::load(data_.path(), true)), HasSubstr("headworks.key"));
  ::unsetenv("CREDENTIALS_DIRECTORY");
  ::setenv("HEADWORKS_MASTER_KEY", "nonsense", 1);
  EXPECT_THAT(why_not(KeyRing::load(data_.path(), true)), HasSubstr("HEADWORKS_MASTER_KEY"));
  EXPECT_FALSE(std::filesystem::exists(data_ / "master.key"));
}

TEST_F(KeyRingSources, AKeyIsAddedAndAnOldOneDroppedWithoutLosingThePepper) {
  const std::string path = data_ / "master.key";
  const auto first = KeyRing::load(data_.path(), true).value();
  const auto both = first->add_key(path).value();
  EXPECT_THAT(both->kids(), ElementsAre(1u, 2u));
  EXPECT_EQ(both->newest(), 2u);
  EXPECT_NE(both->sealing_key(2), both->sealing_key(1));
  EXPECT_EQ(both->pepper(), first->pepper()) << "client keys stay valid";

  EXPECT_EQ(both->drop_key(path, 2).error().kind, base::ErrorKind::conflict);
  EXPECT_EQ(both->drop_key(path, 9).error().kind, base::ErrorKind::not_found);
  const auto second = both->drop_key(path, 1).value();
  EXPECT_THAT(second->kids(), ElementsAre(2u));

  const auto loaded = KeyRing::load(data_.path(), false).value();
  EXPECT_THAT(loaded->kids(), ElementsAre(2u));
  EXPECT_EQ(loaded->sealing_key(2), both->sealing_key(2));
  EXPECT_EQ(loaded->pepper(), first->pepper());
  EXPECT_THAT(loaded->add_key(path).value()->kids(), ElementsAre(2u, 3u)) << "a number is never used twice";
  struct stat info {};
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0600u);
}

}  // namespace
}  // namespace headworks::vault
