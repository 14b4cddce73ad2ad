#include "wire/chunked.hpp"

#include <gtest/gtest.h>

#include <ostream>
#include <string>

namespace headworks::wire {
namespace {

using From = ChunkedDecoder::From;

struct Decoded {
  std::string verdict;  // fine, unfinished, or the error's code
  std::string payload = {};
  std::size_t consumed = 0;
};

// Decodes `bytes`, `step` at a time (0: all at once).
Decoded decode(const std::string& bytes, std::size_t step = 0, From from = From::client) {
  ChunkedDecoder decoder(from);
  Decoded decoded{.verdict = "unfinished"};
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t end = step == 0 ? bytes.size() : std::min(bytes.size(), at + step);
    while (at < end) {
      const auto result = decoder.next(std::string_view(bytes).substr(at, end - at));
      if (!result) {
        decoded.verdict = base::code_of(result.error().kind);
        return decoded;
      }
      decoded.payload += result->payload;
      decoded.consumed = at += result->consumed;
      if (result->done) {
        decoded.verdict = "fine";
        return decoded;
      }
    }
  }
  return decoded;
}

TEST(ChunkedDecoder, GivesTheContentInAnyPieces) {
  const std::string bytes =
      "5\r\nhello\r\n1;a=b\r\n \r\n0006\r\nworld!\r\n0\r\nx-checksum: 7\r\n\r\nGET /next";
  for (std::size_t step = 0; step < bytes.size(); ++step) {
    const Decoded decoded = decode(bytes, step);
    EXPECT_EQ(decoded.verdict, "fine") << step;
    EXPECT_EQ(decoded.payload, "hello world!");
    EXPECT_EQ(decoded.consumed, bytes.size() - 9) << "what follows is another message";
  }
}

struct Row {
  const char* why;
  std::string bytes;
  const char* verdict;
};

void PrintTo(const Row& row, std::ostream* out) { *out << row.why; }

class ChunkedRow : public ::testing::TestWithParam<Row> {};

TEST_P(ChunkedRow, GetsItsVerdict) {
  for (const std::size_t step : {0u, 1u, 3u})
    EXPECT_EQ(decode(GetParam().bytes, step).verdict, GetParam().verdict) << GetParam().why;
}

TEST_P(ChunkedRow, OfAnUpstreamIsMalformed) {
  const std::string verdict = GetParam().verdict;
  if (verdict == "fine" || verdict == "unfinished") return;
  EXPECT_EQ(decode(GetParam().bytes, 0, From::upstream).verdict, "upstream_malformed") << GetParam().why;
}

std::string sized(const std::string& size) { return size + "\r\nhello\r\n0\r\n\r\n"; }

// The rows of table 4.2 of the bad-input tests that the coding alone decides.
INSTANTIATE_TEST_SUITE_P(
    BadInput, ChunkedRow,
    ::testing::Values(
        Row{"S19 0x5", sized("0x5"), "bad_request"}, Row{"S19 +5", sized("+5"), "bad_request"},
        Row{"S19 -1", sized("-1"), "bad_request"}, Row{"S19 0_5", sized("0_5"), "bad_request"},
        Row{"S19 blank before", sized(" 5"), "bad_request"},
        Row{"S19 blank behind", sized("5 "), "bad_request"},
        Row{"S19 17 digits", sized("00000000000000005"), "bad_request"},
        Row{"S19 empty", sized(""), "bad_request"}, Row{"16 digits", sized("0000000000000005"), "fine"},
        Row{"S20", sized("FFFFFFFFFFFFFFFF"), "body_too_large"},
        Row{"S21 longer than its size", "5\r\nhello!\r\n0\r\n\r\n", "bad_request"},
        Row{"S21 no line end behind", "5\r\nhello0\r\n\r\n", "bad_request"},
        Row{"S22 LF behind the size", "5\nhello\r\n0\r\n\r\n", "bad_request"},
        Row{"S22 LF behind the data", "5\r\nhello\n0\r\n\r\n", "bad_request"},
        Row{"S22 LF in an extension", "5;a\nb\r\nhello\r\n0\r\n\r\n", "bad_request"},
        Row{"S22 LF at the end", "5\r\nhello\r\n0\r\n\n", "bad_request"},
        Row{"S22 CR in an extension", "5;a\rb\r\nhello\r\n0\r\n\r\n", "bad_request"},
        Row{"S22 NUL in an extension", std::string("5;a\0b\r\nhello\r\n0\r\n\r\n", 20), "bad_request"},
        Row{"S22 empty extension", "5;\r\nhello\r\n0\r\n\r\n", "bad_request"},
        Row{"S23", "5;a=b\r\nhello\r\n0\r\n\r\n", "fine"},
        Row{"S24 a long extension", "5;" + std::string(300, 'a') + "\r\nhello\r\n0\r\n\r\n", "bad_request"},
        Row{"S26 trailers are dropped", "0\r\nAuthorization: x\r\nHost: b\r\nConnection: close\r\n\r\n",
            "fine"},
        Row{"S27 length", "0\r\nContent-Length: 5\r\n\r\n", "bad_request"},
        Row{"S27 coding", "0\r\ntransfer-encoding: chunked\r\n\r\n", "bad_request"},
        Row{"S28 large trailers", "0\r\nx: " + std::string(9000, 'a') + "\r\n\r\n", "headers_too_large"},
        Row{"S28 many trailers",
            "0\r\n" +
                [] {
                  std::string lines;
                  for (int i = 0; i < 3000; ++i) lines += "x:\r\n";
                  return lines;
                }() +
                "\r\n",
            "headers_too_large"},
        Row{"S29", "0\r\nXX", "unfinished"}, Row{"S29 with a line end", "0\r\nXX\r\n\r\n", "bad_request"},
        Row{"S31 no last chunk", "5\r\nhello\r\n", "unfinished"},
        Row{"a trailer without a name", "0\r\n: x\r\n\r\n", "bad_request"},
        Row{"a control character in a trailer", "0\r\nx: \x01\r\n\r\n", "bad_request"}));

TEST(ChunkedDecoder, FramingIsBoundedByContent) {
  std::string bytes;
  for (int i = 0; i < 20'000; ++i) bytes += "1;" + std::string(200, 'a') + "\r\nx\r\n";
  EXPECT_EQ(decode(bytes).verdict, "bad_request") << "S25";
  std::string small;
  for (int i = 0; i < 200'000; ++i) small += "4\r\nabcd\r\n";
  EXPECT_EQ(decode(small + "0\r\n\r\n").verdict, "fine") << "small chunks are honest";
}

TEST(ChunkSize, IsWhatTheDecoderReads) {
  for (const int size : {1, 9, 10, 15, 16, 255, 4096, 65535}) {
    char text[18];
    const char* end = format_chunk_size(text, static_cast<std::uint64_t>(size));
    const Decoded decoded = decode(std::string(static_cast<const char*>(text), end) +
                                   std::string(static_cast<std::size_t>(size), 'x') + "\r\n0\r\n\r\n");
    EXPECT_EQ(decoded.verdict, "fine");
    EXPECT_EQ(decoded.payload.size(), static_cast<std::size_t>(size));
  }
  char text[18];
  const char* end = format_chunk_size(text, ~std::uint64_t{0});
  EXPECT_EQ(std::string(static_cast<const char*>(text), end), "ffffffffffffffff\r\n");
}

}  // namespace
}  // namespace headworks::wire
