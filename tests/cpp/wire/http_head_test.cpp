#include "wire/http_head.hpp"

#include <gtest/gtest.h>

#include <ostream>
#include <string>

#include "wire/head_writer.hpp"

namespace headworks::wire {
namespace {

using base::ErrorKind;
using Kind = HeadScanner::Kind;

// A head as it passes through the scanner and the parser. `step`: bytes that arrive at a time; 0: all at
// once.
template <class Parse>
std::string judge(Kind kind, const std::string& bytes, std::size_t step, const HeadLimits& limits,
                  Parse&& parse) {
  HeadScanner scanner(kind, limits);
  for (std::size_t size = step == 0 ? bytes.size() : step;; size += step) {
    size = std::min(size, bytes.size());
    const auto end = scanner.scan(std::string_view(bytes).substr(0, size));
    if (!end) return std::string(base::code_of(end.error().kind));
    if (*end != 0) {
      const base::Result<void> parsed = parse(std::string_view(bytes).substr(0, *end));
      return parsed ? "fine" : std::string(base::code_of(parsed.error().kind));
    }
    if (size == bytes.size()) return "unfinished";
  }
}

std::string request(const std::string& bytes, std::size_t step = 0, const HeadLimits& limits = {}) {
  return judge(Kind::request, bytes, step, limits, [](std::string_view head_bytes) {
    RequestHead head;
    return parse_request_head(head_bytes, head);
  });
}

std::string response(const std::string& bytes, std::size_t step = 0) {
  return judge(Kind::response, bytes, step, {}, [](std::string_view head_bytes) {
    ResponseHead head;
    return parse_response_head(head_bytes, "POST", head);
  });
}

std::string get(const std::string& lines) {
  return "GET /v1/models HTTP/1.1\r\nHost: a\r\n" + lines + "\r\n";
}
std::string post(const std::string& lines) { return "POST /v1/x HTTP/1.1\r\nHost: a\r\n" + lines + "\r\n"; }
std::string line(const std::string& request_line) { return request_line + "\r\nHost: a\r\n\r\n"; }

struct Row {
  const char* why;
  std::string bytes;
  const char* verdict;
};

void PrintTo(const Row& row, std::ostream* out) { *out << row.why; }

class RequestHeadRow : public ::testing::TestWithParam<Row> {};

TEST_P(RequestHeadRow, GetsItsVerdict) {
  EXPECT_EQ(request(GetParam().bytes), GetParam().verdict) << GetParam().why;
}

TEST_P(RequestHeadRow, GetsItInAnyPieces) {
  if (GetParam().bytes.size() > 20'000) return;
  for (const std::size_t step : {1u, 2u, 7u})
    EXPECT_EQ(request(GetParam().bytes, step), GetParam().verdict) << step;
}

// The rows of table 4.1 of the bad-input tests that a head alone decides.
INSTANTIATE_TEST_SUITE_P(
    RequestLineAndFields, RequestHeadRow,
    ::testing::Values(
        Row{"good", get(""), "fine"}, Row{"B01 no Host", "GET / HTTP/1.1\r\n\r\n", "bad_request"},
        Row{"B02 two hosts", get("Host: b\r\n"), "bad_request"},
        Row{"B03 the same twice", get("Host: a\r\n"), "bad_request"},
        Row{"B04 empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", "bad_request"},
        Row{"B05 a list", "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", "bad_request"},
        Row{"B06 user and path", "GET / HTTP/1.1\r\nHost: u@a/x?y\r\n\r\n", "bad_request"},
        Row{"B07 absolute form, another host", line("GET http://b/ HTTP/1.1"), "bad_request"},
        Row{"B07 absolute form, the same host", line("GET http://A/x HTTP/1.1"), "fine"},
        Row{"B08 asterisk", line("GET * HTTP/1.1"), "bad_request"},
        Row{"B09 CONNECT is refused by its method later", line("CONNECT a:443 HTTP/1.1"), "fine"},
        Row{"B13 method is no token", line("G\"T / HTTP/1.1"), "bad_request"},
        Row{"B14 HTTP/1.2", line("GET / HTTP/1.2"), "http_version_not_supported"},
        Row{"B14 HTTP/2.0", line("GET / HTTP/2.0"), "http_version_not_supported"},
        Row{"B14 lower case", line("GET / http/1.1"), "bad_request"},
        Row{"B14 HTTP/1", line("GET / HTTP/1"), "http_version_not_supported"},
        Row{"B14 leading zeros", line("GET / HTTP/01.01"), "http_version_not_supported"},
        Row{"B15 h2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "http_version_not_supported"},
        Row{"B16 HTTP/0.9", "GET /\r\n\r\n", "bad_request"},
        Row{"B17 no version", "GET / \r\n\r\n", "bad_request"},
        Row{"B18 two spaces", line("GET  / HTTP/1.1"), "bad_request"},
        Row{"B18 tab", line("GET\t/ HTTP/1.1"), "bad_request"},
        Row{"B18 space in the target", line("GET /a b HTTP/1.1"), "bad_request"},
        Row{"B18 NUL in the target", line(std::string("GET /a\0b HTTP/1.1", 17)), "bad_request"},
        Row{"B19 raw UTF-8", line("GET /\xc3\xa9 HTTP/1.1"), "bad_request"},
        Row{"B20 fragment", line("GET /a#b HTTP/1.1"), "bad_request"},
        Row{"B21 no slash", line("GET a HTTP/1.1"), "bad_request"},
        Row{"B22 nothing is decoded", line("GET /%00%0d%0a%c0%af HTTP/1.1"), "fine"},
        Row{"B23 a line end first", "\r\n" + get(""), "bad_request"},
        Row{"B24 bare LF behind the request line", "GET / HTTP/1.1\nHost: a\r\n\r\n", "bad_request"},
        Row{"B24 bare LF behind a field", "GET / HTTP/1.1\r\nHost: a\n\r\n", "bad_request"},
        Row{"B25 bare CR", get("X: a\rb\r\n"), "bad_request"},
        Row{"B25 NUL", get(std::string("X: a\0b\r\n", 8)), "bad_request"},
        Row{"B25 0x01", get("X: a\x01\r\n"), "bad_request"},
        Row{"B25 a CR in the end", "GET / HTTP/1.1\r\nHost: a\r\n\r\r\n", "bad_request"},
        Row{"B26 folded", get("X: a\r\n b\r\n"), "bad_request"},
        Row{"B26 folded by a tab", get("X: a\r\n\tb\r\n"), "bad_request"},
        Row{"B27 space before the colon", get("X : a\r\n"), "bad_request"},
        Row{"B27 space before the first field", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", "bad_request"},
        Row{"B27 empty name", get(": a\r\n"), "bad_request"},
        Row{"B27 no colon", get("X\r\n"), "bad_request"},
        Row{"B27 brackets in a name", get("X[1]: a\r\n"), "bad_request"},
        Row{"B27 a name in UTF-8", get("X\xc3\xab: a\r\n"), "bad_request"},
        Row{"B28 a long target", line("GET /" + std::string(7990, 'a') + " HTTP/1.1"), "fine"},
        Row{"B29 a target that is too long", line("GET /" + std::string(100'000, 'a') + " HTTP/1.1"),
            "uri_too_long"},
        Row{"B30 a long value", get("X: " + std::string(100'000, 'a') + "\r\n"), "headers_too_large"},
        Row{"B30 a long name", get(std::string(100'000, 'a') + ": x\r\n"), "headers_too_large"},
        Row{"B33 TLS", std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11), "bad_request"},
        Row{"B39 underscore, encoding", post("Transfer_Encoding: chunked\r\n"), "bad_request"},
        Row{"B39 underscore, length", post("Content_Length: 5\r\n"), "bad_request"},
        Row{"B40 Expect", post("Expect: bogus\r\n"), "expectation_failed"},
        Row{"B42 Expect", post("Expect: 100-Continue\r\nContent-Length: 2\r\n"), "fine"},
        Row{"B47 two types", post("Content-Type: text/plain\r\nContent-Type: application/json\r\n"),
            "bad_request"},
        Row{"B48 HTTP/1.0 without Host", "GET / HTTP/1.0\r\n\r\n", "fine"},
        Row{"obs-text in a value is data", get("X: \xe9\r\n"), "fine"},
        Row{"a tab in a value", get("X: a\tb\r\n"), "fine"}, Row{"an empty value", get("X:\r\n"), "fine"},
        Row{"DEL in a value", get("X: \x7f\r\n"), "bad_request"},
        Row{"IPv6", "GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", "fine"},
        Row{"IPv6 that is not closed", "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", "bad_request"},
        Row{"a port that is none", "GET / HTTP/1.1\r\nHost: a:b\r\n\r\n", "bad_request"},
        Row{"not all of it is here", "GET / HTTP/1.1\r\nHost: a\r\n", "unfinished"}));

TEST(RequestHead, HasAtMostAHundredFields) {
  const auto fields = [](int count) {
    std::string lines;
    for (int i = 0; i < count; ++i) lines += "x:\r\n";
    return get(lines);
  };
  EXPECT_EQ(request(fields(99)), "fine");
  EXPECT_EQ(request(fields(100)), "headers_too_large") << "B31, B32; Host is one too";
  EXPECT_EQ(request(fields(1000)), "headers_too_large");
}

// The rows of table 4.2 that a head alone decides.
INSTANTIATE_TEST_SUITE_P(
    Framing, RequestHeadRow,
    ::testing::Values(
        Row{"S01", post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"), "bad_request"},
        Row{"S01 the other way", post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"), "bad_request"},
        Row{"S02", post("Content-Length: 5\r\nContent-Length: 6\r\n"), "bad_request"},
        Row{"S02 a list", post("Content-Length: 5, 6\r\n"), "bad_request"},
        Row{"S03", post("Content-Length: 5\r\nContent-Length: 5\r\n"), "bad_request"},
        Row{"S03 a list", post("Content-Length: 5, 5\r\n"), "bad_request"},
        Row{"S04 +5", post("Content-Length: +5\r\n"), "bad_request"},
        Row{"S04 -1", post("Content-Length: -1\r\n"), "bad_request"},
        Row{"S04 0x5", post("Content-Length: 0x5\r\n"), "bad_request"},
        Row{"S04 5a", post("Content-Length: 5a\r\n"), "bad_request"},
        Row{"S04 1_0", post("Content-Length: 1_0\r\n"), "bad_request"},
        Row{"S04 1 0", post("Content-Length: 1 0\r\n"), "bad_request"},
        Row{"S04 empty", post("Content-Length:\r\n"), "bad_request"},
        Row{"S04 2^64", post("Content-Length: 18446744073709551616\r\n"), "bad_request"},
        Row{"S05 0005", post("Content-Length: 0005\r\n"), "bad_request"},
        Row{"S05 00", post("Content-Length: 00\r\n"), "bad_request"},
        Row{"S05 -0", post("Content-Length: -0\r\n"), "bad_request"},
        Row{"0", post("Content-Length: 0\r\n"), "fine"},
        Row{"S07", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", "bad_request"},
        Row{"S08", post("Transfer-Encoding: gzip\r\n"), "not_implemented"},
        Row{"S09", post("Transfer-Encoding: identity\r\n"), "bad_request"},
        Row{"S10", post("Transfer-Encoding: identity\r\nContent-Length: 5\r\n"), "bad_request"},
        Row{"S11", post("Transfer-Encoding: xchunked\r\n"), "not_implemented"},
        Row{"S12", post("Transfer-Encoding: chunked, identity\r\n"), "bad_request"},
        Row{"S13", post("Transfer-Encoding: chunked, chunked\r\n"), "bad_request"},
        Row{"S14", post("Transfer-Encoding: gzip, chunked\r\n"), "not_implemented"},
        Row{"S15", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), "bad_request"},
        Row{"S16 empty", post("Transfer-Encoding:\r\n"), "bad_request"},
        Row{"S16 comma", post("Transfer-Encoding: chunked,\r\n"), "bad_request"},
        Row{"S16 parameter", post("Transfer-Encoding: chunked;p=1\r\n"), "bad_request"},
        Row{"S17 VT",
            post("Transfer-Encoding: \x0b"
                 "chunked\r\n"),
            "bad_request"},
        Row{"S17 NUL", post(std::string("Transfer-Encoding: chunked\0\r\n", 29)), "bad_request"},
        Row{"S17 space before the colon", post("Transfer-Encoding : chunked\r\n"), "bad_request"},
        Row{"S18 folded", post("Transfer-Encoding:\r\n chunked\r\n"), "bad_request"},
        Row{"chunked", post("transfer-encoding: Chunked\r\n"), "fine"}));

TEST(RequestHead, SaysWhatItRead) {
  const std::string bytes =
      "POST /v1/messages?beta=true HTTP/1.1\r\nHost: Example.com:8080\r\nContent-Length: 12\r\n"
      "Connection: close, X-Secret\r\nAUTHORIZATION:  Bearer k \r\nx-secret: 1\r\nExpect: "
      "100-continue\r\n\r\n";
  RequestHead head;
  ASSERT_TRUE(parse_request_head(bytes, head));
  EXPECT_EQ(head.method, "POST");
  EXPECT_EQ(head.target, "/v1/messages?beta=true");
  EXPECT_EQ(head.path(), "/v1/messages");
  EXPECT_EQ(head.host, "Example.com:8080");
  EXPECT_FALSE(head.keep_alive);
  EXPECT_TRUE(head.expect_continue);
  EXPECT_EQ(head.framing, Framing::length);
  EXPECT_EQ(head.content_length, 12u);
  EXPECT_EQ(head.find(FieldId::authorization)->value, "Bearer k");
  EXPECT_EQ(head.find("X-SECRET")->value, "1");
  EXPECT_TRUE(head.named_by_connection("x-secret"));
  EXPECT_FALSE(head.named_by_connection("authorization"));
}

TEST(RequestHead, AnOldClientClosesUnlessItSaysNothingElse) {
  RequestHead head;
  ASSERT_TRUE(parse_request_head("GET / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n", head));
  EXPECT_FALSE(head.keep_alive);
  EXPECT_FALSE(head.expect_continue) << "HTTP/1.0 has no interim answers";
}

TEST(Fields, KnowWhatMayPass) {
  for (const char* name : {"connection",
                           "Keep-Alive",
                           "TE",
                           "Trailer",
                           "Transfer-Encoding",
                           "Upgrade",
                           "Proxy-Authorization",
                           "Authorization",
                           "X-API-Key",
                           "api-key",
                           "Cookie",
                           "Host",
                           "X-Forwarded-For",
                           "X-Forwarded-Whatever",
                           "Forwarded",
                           "X-Real-IP",
                           "Via",
                           "X-Headworks-Pool",
                           "Content-Length",
                           "Expect"})
    EXPECT_EQ(traits_of(name).request, Passage::drop) << name;
  for (const char* name :
       {"traceparent", "Idempotency-Key", "OpenAI-Organization", "anthropic-beta", "anthropic-version",
        "X-Stainless-Lang", "x-codex-turn-metadata", "accept", "user-agent", "content-type", "x"})
    EXPECT_EQ(traits_of(name).request, Passage::pass) << name;
  for (const char* name : {"content-type", "content-disposition", "openai-processing-ms", "etag"})
    EXPECT_EQ(traits_of(name).response, Passage::pass) << name;
  for (const char* name :
       {"set-cookie", "authorization", "server", "alt-svc", "strict-transport-security", "x-goog-api-key",
        "retry-after", "x-ratelimit-limit-requests", "anything-else", "connection"})
    EXPECT_EQ(traits_of(name).response, Passage::drop) << name;
  EXPECT_EQ(traits_of("anthropic-ratelimit-requests-reset").id, FieldId::rate_limit);
  EXPECT_EQ(traits_of("").id, FieldId::other);
}

// ---- answers of upstreams ----

class ResponseHeadRow : public ::testing::TestWithParam<Row> {};

TEST_P(ResponseHeadRow, GetsItsVerdict) {
  for (const std::size_t step : {0u, 1u, 5u})
    EXPECT_EQ(response(GetParam().bytes, step), GetParam().verdict) << GetParam().why;
}

// The rows of table 4.5 that a head alone decides.
INSTANTIATE_TEST_SUITE_P(
    Upstream, ResponseHeadRow,
    ::testing::Values(
        Row{"good", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", "fine"},
        Row{"no reason", "HTTP/1.1 200 \r\n\r\n", "fine"},
        Row{"U01", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n",
            "upstream_malformed"},
        Row{"U01 two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n",
            "upstream_malformed"},
        Row{"U02", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "upstream_malformed"},
        Row{"U05", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", "upstream_malformed"},
        Row{"U08 000", "HTTP/1.1 000 OK\r\n\r\n", "upstream_malformed"},
        Row{"U08 999", "HTTP/1.1 999 OK\r\n\r\n", "upstream_malformed"},
        Row{"a sign", "HTTP/1.1 +20 OK\r\n\r\n", "upstream_malformed"},
        Row{"U09", "HTTP/1.1 200\r\n\r\n", "upstream_malformed"},
        Row{"U11 bare LF", "HTTP/1.1 200 OK\nX: y\n\n", "upstream_malformed"},
        Row{"U11 bare CR", "HTTP/1.1 200 OK\r\nX: a\rb\r\n\r\n", "upstream_malformed"},
        Row{"U12", "HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n", "upstream_malformed"},
        Row{"U15", "HTTP/1.1 200 OK\r\nX: \xff\r\n\r\n", "fine"},
        Row{"another protocol", "ICY 200 OK\r\n\r\n", "upstream_malformed"},
        Row{"HTTP/2", "HTTP/2.0 200 OK\r\n\r\n", "upstream_malformed"}));

TEST(ResponseHead, KnowsWhereTheBodyEnds) {
  const auto framing = [](const char* bytes, const char* method) {
    ResponseHead head;
    EXPECT_TRUE(parse_response_head(bytes, method, head)) << bytes;
    return std::pair(head.framing, head.keep_alive);
  };
  EXPECT_EQ(framing("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", "POST"),
            std::pair(Framing::length, true));
  EXPECT_EQ(framing("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "POST"),
            std::pair(Framing::chunked, true));
  EXPECT_EQ(framing("HTTP/1.1 200 OK\r\n\r\n", "POST"), std::pair(Framing::until_close, false));
  EXPECT_EQ(framing("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", "HEAD"), std::pair(Framing::none, true));
  EXPECT_EQ(framing("HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\n", "POST"),
            std::pair(Framing::none, true))
      << "U10";
  EXPECT_EQ(framing("HTTP/1.1 304 Not Modified\r\n\r\n", "GET"), std::pair(Framing::none, true));
  EXPECT_EQ(framing("HTTP/1.1 103 Early Hints\r\n\r\n", "POST"), std::pair(Framing::none, true)) << "U06";
  EXPECT_EQ(framing("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n", "POST"),
            std::pair(Framing::length, false));
}

TEST(HeadWriter, NoValueAddsALine) {
  std::string out;
  HeadWriter head(out);
  head.status_line(299);
  head.field("x", std::string_view("a\r\nset-cookie: b\0\x7f", 18));
  head.end();
  EXPECT_TRUE(out.starts_with("HTTP/1.1 299 "));
  EXPECT_NE(out.find("\r\nx: a  set-cookie: b  \r\n\r\n"), std::string::npos);
}

}  // namespace
}  // namespace headworks::wire
