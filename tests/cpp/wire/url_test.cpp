#include "wire/url.hpp"

#include <gtest/gtest.h>

namespace headworks::wire {
namespace {

TEST(Url, ReadsWhatItShould) {
  const auto url = parse_url("HTTPS://Api.Example.COM/v1/");
  ASSERT_TRUE(url);
  EXPECT_TRUE(url->tls);
  EXPECT_EQ(url->host, "api.example.com");
  EXPECT_EQ(url->port, 443);
  EXPECT_EQ(url->path, "/v1");
  EXPECT_EQ(url->origin(), "https://api.example.com:443");
  EXPECT_EQ(url->authority(), "api.example.com");
  EXPECT_EQ(parse_url("http://[::1]:8080")->authority(), "[::1]:8080");
  EXPECT_EQ(parse_url("http://127.0.0.1:9000/openai/v1")->path, "/openai/v1");
}

class RefusedUrl : public ::testing::TestWithParam<const char*> {};

TEST_P(RefusedUrl, IsRefusedWithAReason) {
  const auto url = parse_url(GetParam());
  ASSERT_FALSE(url) << GetParam();
  EXPECT_EQ(url.error().kind, base::ErrorKind::invalid_configuration);
  EXPECT_FALSE(url.error().message.empty());
}

INSTANTIATE_TEST_SUITE_P(Urls, RefusedUrl,
                         ::testing::Values("", "example.com", "file:///etc/passwd", "gopher://x", "http://", "http:///v1",
                                           "http://u:p@h/v1", "http://h/v1#x", "http://h/v1?x", "http://h\\@evil/",
                                           "http://h:0/", "http://h:65536/", "http://h:/", "http://h:8a/", "http://[::1",
                                           "http://[::1]x", "http://h/a b", "http://h/\r\nX: y", "http://2852039166/",
                                           "http://0x7f.1/", "http://127.1/", "http://h/../x", "http://h/%zz",
                                           "http://h\x01/", "http://exa mple/"));

TEST(Url, JoinsTargetsWithoutDoublingTheVersion) {
  const auto joined = [](const char* base, const char* target) {
    std::string out;
    append_target(out, *parse_url(base), target);
    return out;
  };
  EXPECT_EQ(joined("http://h/v1", "/v1/chat/completions?x=1"), "/v1/chat/completions?x=1");
  EXPECT_EQ(joined("http://h", "/v1/messages?beta=true"), "/v1/messages?beta=true");
  EXPECT_EQ(joined("http://h/openai/v1", "/v1/models/a:b"), "/openai/v1/models/a:b");
  EXPECT_EQ(joined("http://h/api", "/v1/x"), "/api/v1/x");
  EXPECT_EQ(joined("http://h/v1", "/v1?a"), "/v1?a");
}

}  // namespace
}  // namespace headworks::wire
