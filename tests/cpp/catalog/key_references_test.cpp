#include "catalog/key_references.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "catalog/configuration.hpp"

namespace headworks::catalog {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class References : public testing::Test {
 protected:
  References() {
    std::string pattern = (std::filesystem::temp_directory_path() / "headworks-keys-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
    ::setenv("HEADWORKS_TEST_KEY", "sk-of-the-environment", 1);
    ::setenv("HEADWORKS_TEST_EMPTY", "", 1);
    ::unsetenv("HEADWORKS_TEST_MISSING");
  }
  ~References() override {
    std::filesystem::remove_all(folder_);
    ::unsetenv("HEADWORKS_TEST_KEY");
    ::unsetenv("HEADWORKS_TEST_EMPTY");
  }

  void write(const std::string& name, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(folder_ + "/" + name).parent_path());
    std::ofstream(folder_ + "/" + name, std::ios::binary) << text;
  }
  // The secret, or "error: ...".
  std::string found(const std::string& reference) {
    const auto secret = KeyReferences(folder_).find(reference);
    if (secret) return std::string(secret->reveal());
    EXPECT_EQ(secret.error().kind, base::ErrorKind::invalid_configuration);
    return "error: " + secret.error().message;
  }

  std::string folder_;
};

TEST_F(References, NameAVariableInEitherWay) {
  EXPECT_EQ(found("${HEADWORKS_TEST_KEY}"), "sk-of-the-environment");
  EXPECT_EQ(found("os.environ/HEADWORKS_TEST_KEY"), "sk-of-the-environment");
  EXPECT_EQ(found("${HEADWORKS_TEST_MISSING}"), "error: the environment has no HEADWORKS_TEST_MISSING");
  EXPECT_EQ(found("os.environ/HEADWORKS_TEST_EMPTY"),
            "error: the environment's HEADWORKS_TEST_EMPTY is empty");
}

TEST_F(References, NameAFileBesideTheDocument) {
  write("secrets/one", "sk-in-a-file\n");
  write("secrets/two", "sk-of-windows\r\n");
  write("secrets/three", "sk-bare");
  EXPECT_EQ(found("file:secrets/one"), "sk-in-a-file");
  EXPECT_EQ(found("file:secrets/two"), "sk-of-windows");
  EXPECT_EQ(found("file:secrets/three"), "sk-bare");
  EXPECT_EQ(found("file:" + folder_ + "/secrets/one"), "sk-in-a-file") << "an absolute path stays one";
}

TEST_F(References, AFileThatHoldsNoKeyIsSaidWithItsPath) {
  write("empty", "\n");
  write("large", std::string(100'000, 'x'));
  ASSERT_EQ(::mkfifo((folder_ + "/pipe").c_str(), 0600), 0);
  EXPECT_THAT(found("file:missing"), HasSubstr(folder_ + "/missing cannot be read: No such file"));
  EXPECT_THAT(found("file:empty"), HasSubstr("is empty"));
  EXPECT_THAT(found("file:large"), HasSubstr("not one that holds a key"));
  EXPECT_THAT(found("file:pipe"), HasSubstr("not a regular file"));
  EXPECT_THAT(found("file:."), HasSubstr("not a regular file"));
}

TEST_F(References, AreResolvedWhereTheDocumentNamesThem) {
  write("key", "sk-in-a-file\n");
  write("two-lines", "sk-canary\nsk-canary\n");
  const KeyReferences references(folder_);
  const auto parsed = parse_configuration(R"({"backends": [
      {"name": "a", "api_base_url": "https://a", "api_key": "file:key"},
      {"name": "b", "api_base_url": "https://b", "api_key": "os.environ/HEADWORKS_TEST_KEY"}],
    "client_keys": [{"name": "k", "key": "${HEADWORKS_TEST_KEY}"}]})",
                                          references.source());
  ASSERT_TRUE(parsed.ok()) << format_problems(parsed.problems);
  EXPECT_THAT(parsed.warnings, IsEmpty());
  EXPECT_EQ(parsed.configuration.backends[0].api_key.reveal(), "sk-in-a-file");
  EXPECT_EQ(parsed.configuration.backends[1].api_key.reveal(), "sk-of-the-environment");
  EXPECT_EQ(parsed.configuration.client_keys[0].key.reveal(), "sk-of-the-environment");

  const auto broken = parse_configuration(R"({"backends": [
      {"name": "a", "api_base_url": "https://a", "api_key": "file:missing"},
      {"name": "b", "api_base_url": "https://b", "api_key": "file:two-lines"}]})",
                                          references.source());
  ASSERT_EQ(broken.problems.size(), 2u);
  EXPECT_EQ(broken.problems[0].path, "$.backends[0].api_key");
  EXPECT_EQ(broken.problems[1].path, "$.backends[1].api_key");
  EXPECT_THAT(format_problems(broken.problems), Not(HasSubstr("canary")));
}

TEST_F(References, AreOnlyLookedAtByCheck) {
  for (const char* good : {"${A}", "${a_1}", "os.environ/A", "file:/nowhere"}) {
    const auto parsed =
        parse_configuration(R"({"backends": [{"name": "a", "api_base_url": "https://a", "api_key": ")" +
                                std::string(good) + "\"}]}",
                            unresolved_references());
    EXPECT_TRUE(parsed.ok()) << good;
    EXPECT_THAT(parsed.warnings, IsEmpty()) << good;
  }
  for (const char* bad : {"${}", "${A", "${A-B}", "os.environ/", "os.environ/A B", "file:"}) {
    const auto parsed =
        parse_configuration(R"({"backends": [{"name": "a", "api_base_url": "https://a", "api_key": ")" +
                                std::string(bad) + "\"}]}",
                            unresolved_references());
    ASSERT_EQ(parsed.problems.size(), 1u) << bad;
    EXPECT_EQ(parsed.problems[0].path, "$.backends[0].api_key");
  }
}

}  // namespace
}  // namespace headworks::catalog
