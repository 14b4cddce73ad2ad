// The fuzz targets of this floor over their corpora and inputs made from them, the same in every run.
#include <gtest/gtest.h>

#include "../../fuzz/fuzz_sse.cpp"
#include "../../fuzz/fuzz_retry_headers.cpp"
#include "../../fuzz/fuzz_url.cpp"
#include "../../fuzz/fuzz_head.cpp"
#include "../../fuzz/fuzz_framing.cpp"

namespace headworks::fuzz {
namespace {

TEST(Fuzz, Sse) {
  EXPECT_EQ(drive(sse, "sse", {"\n", "\r", "\r\n", "\n\n", "\r\r", ":", " ", "data", "data: x\n", "event: y\r", "\xef\xbb\xbf"}, 10'000), "");
}

TEST(Fuzz, RetryHeaders) {
  EXPECT_EQ(drive(retry_headers, "retry_headers", {"9", "99999999999", "1e9", "-", "+", ".", "ms", "s", "inf", "nan", "Jan", "GMT", "reset", "remaining", "\n", ": "}, 10'000), "");
}

TEST(Fuzz, Url) {
  EXPECT_EQ(drive(url, "url", {"/", "//", ".", "..", "%2e", "@", ":", "[", "]", "::", "#", "?", "\\", "0x", "1", "http://", "\r\n", "\xc3\xa9"}, 10'000), "");
}

TEST(Fuzz, Head) {
  EXPECT_EQ(drive(head, "head", {"\r\n", "\r", "\n", "\r\n\r\n", " ", "\t", ":", "0", "Host: b\r\n", "chunked", "HTTP/1.0", "Content-Length: 1\r\n"}, 10'000), "");
}

TEST(Fuzz, Framing) {
  EXPECT_EQ(drive(framing, "framing", {"\r\n", "\r", "\n", "\r\n\r\n", " ", "0", "5\r\n", "a", "ffff", ";", ";x=y", "0\r\n\r\n"}, 10'000), "");
}

}  // namespace
}  // namespace headworks::fuzz
