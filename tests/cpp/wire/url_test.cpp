#include "wire/url.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>

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

INSTANTIATE_TEST_SUITE_P(Forms, RefusedUrl,
                         ::testing::Values("", "example.com", "//h/v1", "://h", " http://h",
                                           "file:///etc/passwd", "gopher://x", "http://", "http:///v1",
                                           "http:/h", "http://u:p@h/v1", "http://u@h", "http://h/v1#x",
                                           "http://h/v1?x", "http://h?x", "http://h#x", "http://h\\@evil/",
                                           "http://h\\x"));

INSTANTIATE_TEST_SUITE_P(Ports, RefusedUrl,
                         ::testing::Values("http://h:0/", "http://h:65536/", "http://h:/", "http://h:8a/",
                                           "http://h:-1", "http://h:+80", "http://h: 80", "http://h:80:80",
                                           "http://[::1]:", "http://[::1]:0"));

INSTANTIATE_TEST_SUITE_P(Hosts, RefusedUrl,
                         ::testing::Values("http://2852039166/", "http://0x7f.1/", "http://127.1/",
                                           "http://1.2.3.4.5/", "http://256.1.1.1/", "http://01.2.3.4/",
                                           "http://a.0xff/", "http://a.1/", "http://.h/", "http://h./",
                                           "http://a..b/", "http://h\x01/", "http://exa mple/",
                                           "http://h%41/", "http://b\xc3\xbc/", "http://h,i/", "http://h*"));

INSTANTIATE_TEST_SUITE_P(Ipv6, RefusedUrl,
                         ::testing::Values("http://[::1", "http://[::1]x", "http://[]", "http://[:]",
                                           "http://[:::]", "http://[1]", "http://[1:2:3:4:5:6:7]",
                                           "http://[1:2:3:4:5:6:7:8:9]", "http://[1::2::3]",
                                           "http://[1:2:3:4:5:6:7::8]", "http://[12345::]", "http://[g::]",
                                           "http://[1:]", "http://[::1.2.3]", "http://[1.2.3.4]",
                                           "http://[fe80::1%25eth0]", "http://::1/",
                                           "http://169.254.169.254/", "http://[::ffff:169.254.169.254]/",
                                           "http://[64:ff9b::a9fe:a9fe]/", "http://[fe80::1]/", "http://0.0.0.0/",
                                           "http://[::]/", "http://224.0.0.1/", "http://[ff02::1]/"));

INSTANTIATE_TEST_SUITE_P(Paths, RefusedUrl,
                         ::testing::Values("http://h/a b", "http://h/\r\nX: y", "http://h/../x",
                                           "http://h/x/..", "http://h/.", "http://h/./x", "http://h/%2e%2E/x",
                                           "http://h/.%2e", "http://h/%zz", "http://h/%", "http://h/%4",
                                           "http://h/\\x", "http://h/\x7f", "http://h/\"x", "http://h/<x>",
                                           "http://h/{x}", "http://h/x|y", "http://h/\xc3\xbc"));

TEST(Url, TooLongOnesAreRefused) {
  EXPECT_TRUE(parse_url("http://h/" + std::string(2000, 'a')));
  EXPECT_FALSE(parse_url("http://h/" + std::string(2048, 'a')));
  EXPECT_TRUE(parse_url("http://" + std::string(63, 'a') + ".b"));
  EXPECT_FALSE(parse_url("http://" + std::string(64, 'a') + ".b"));
}

TEST(Url, AZeroByteIsACharacterLikeAnyOtherBadOne) {
  EXPECT_FALSE(parse_url(std::string_view("http://h\0.evil/", 15)));
  EXPECT_FALSE(parse_url(std::string_view("http://h/\0", 10)));
}

TEST(Url, AMessageNeverHoldsThePassword) {
  EXPECT_EQ(parse_url("https://user:canary@h/v1").error().message.find("canary"), std::string::npos);
}

class TakenUrl : public ::testing::TestWithParam<std::pair<const char*, const char*>> {};

TEST_P(TakenUrl, HasOneOriginAndPath) {
  const auto url = parse_url(GetParam().first);
  ASSERT_TRUE(url) << url.error().message;
  EXPECT_EQ(url->origin() + url->path, GetParam().second);
  const auto again = parse_url(url->origin() + url->path);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->origin() + again->path, GetParam().second) << "reading it again changes nothing";
}

INSTANTIATE_TEST_SUITE_P(
    Urls, TakenUrl,
    ::testing::Values(std::pair("http://h", "http://h:80"), std::pair("http://h/", "http://h:80"),
                      std::pair("http://h//", "http://h:80"), std::pair("https://H:443/", "https://h:443"),
                      std::pair("http://h:65535", "http://h:65535"),
                      std::pair("http://h:0080", "http://h:80"),
                      std::pair("http://my_service:9/a//b", "http://my_service:9/a//b"),
                      std::pair("http://1.2.3.4/x", "http://1.2.3.4:80/x"),
                      std::pair("http://4.example/", "http://4.example:80"),
                      std::pair("http://[2001:DB8::]", "http://[2001:db8::]:80"),
                      std::pair("http://[1::]", "http://[1::]:80"),
                      std::pair("http://[1:2:3:4:5:6:7:8]", "http://[1:2:3:4:5:6:7:8]:80"),
                      std::pair("http://[1:2:3:4:5:6::8]", "http://[1:2:3:4:5:6::8]:80"),
                      std::pair("http://[::ffff:1.2.3.4]", "http://[::ffff:1.2.3.4]:80"),
                      std::pair("http://[1:2:3:4:5:6:1.2.3.4]", "http://[1:2:3:4:5:6:1.2.3.4]:80"),
                      std::pair("http://[FD00::A]/", "http://[fd00::a]:80"),
                      std::pair("https://h/a.b/...", "https://h:443/a.b/..."),
                      std::pair("https://h/%2Fx", "https://h:443/%2Fx")));

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
  EXPECT_EQ(joined("http://h/v1", "/v1beta/x"), "/v1/v1beta/x") << "another version is not ours to drop";
  EXPECT_EQ(joined("http://h/apiv1", "/v1/x"), "/apiv1/v1/x");
  EXPECT_EQ(joined("http://h/v1", "/v1/a/../%2F?q=/v1"), "/v1/a/../%2F?q=/v1") << "byte for byte";
}

}  // namespace
}  // namespace headworks::wire
