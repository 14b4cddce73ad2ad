// The fuzz targets of this floor over seeded inputs, the same in every run.
#include <gtest/gtest.h>

#include "../../fuzz/fuzz_head.cpp"
#include "../../fuzz/fuzz_retry_headers.cpp"
#include "../../fuzz/fuzz_sse.cpp"
#include "../../fuzz/fuzz_url.cpp"

namespace headworks::fuzz {
namespace {

TEST(Fuzz, Sse) {
  EXPECT_EQ(
      drive(sse,
            {"data: {\"a\":1}\n\ndata: [DONE]\n\n",
             "\xef\xbb\xbf: c\r\n\r\nevent: a\r\ndata: 1\r\ndata: 2\r\n\r\n", "event: a\rdata\r\rdata:b\r\r",
             "data: 1\n\n\n\r\n\r\rid: 7\n\n"},
            {"\n", "\r", "\r\n", "\n\n", "\r\r", ":", " ", "data", "data: x\n", "event: y\r", "\xef\xbb\xbf"},
            10'000),
      "");
}

TEST(Fuzz, RetryHeaders) {
  EXPECT_EQ(drive(retry_headers,
                  {"retry-after: 7\nretry-after-ms: 20\n",
                   "date: Sat, 31 Jan 2026 08:30:00 GMT\nretry-after: Sat Jan 31 08:31:00 2026",
                   "retry-after: Saturday, 31-Jan-26 09:31:00 GMT",
                   "x-ratelimit-remaining-tokens: 0\nx-ratelimit-reset-tokens: 1h2m3.5s",
                   "anthropic-ratelimit-tokens-remaining: 0\nanthropic-ratelimit-tokens-reset: "
                   "2026-01-31T09:30:42.5+01:00"},
                  {"9", "99999999999", "1e9", "-", "+", ".", "ms", "s", "inf", "nan", "Jan", "GMT", "reset",
                   "remaining", "\n", ": "},
                  10'000),
            "");
}

TEST(Fuzz, Url) {
  EXPECT_EQ(drive(url,
                  {"https://api.example.com/v1", "http://[::1]:8080/a%20b/", "http://127.0.0.1:9000",
                   "HTTPS://H/v1//"},
                  {"/", "//", ".", "..", "%2e", "@", ":", "[", "]", "::", "#", "?", "\\", "0x", "1",
                   "http://", "\r\n", "\xc3\xa9"},
                  10'000),
            "");
}

TEST(Fuzz, HeadAndChunks) {
  EXPECT_EQ(
      drive(head,
            {"GET /v1/models?x=1 HTTP/1.1\r\nHost: a\r\n\r\n",
             "POST / HTTP/1.1\r\nHost: [::1]:1\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello",
             "POST http://a/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n",
             "5;a=b\r\nhello\r\n0\r\nx: y\r\n\r\n", "a\r\n0123456789\r\n1\r\nx\r\n0\r\n\r\n"},
            {"\r\n", "\r", "\n", "\r\n\r\n", " ", "\t", ":", "0", "5\r\n", ";", "Host: b\r\n", "chunked",
             "HTTP/1.0"},
            10'000),
      "");
}

}  // namespace
}  // namespace headworks::fuzz
