// The second opinion on our reader of heads (decision 2): whatever we accept, Boost.Beast's parser accepts too, with
// the same words, fields and length. The other way round does not hold, and must not: Beast is laxer.
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/rfc7230.hpp>
#include <string>

#include "../../fuzz/target.hpp"
#include "wire/http_head.hpp"

namespace headworks::fuzz {
namespace {

namespace http = boost::beast::http;

// The bytes of the head at the start of `input`, when our scanner finds one; empty when it refuses or wants more.
std::string_view find_head(wire::HeadScanner::Kind kind, std::string_view input) {
  wire::HeadScanner scanner(kind, {});
  const auto size = scanner.scan(input);
  return size ? input.substr(0, *size) : std::string_view{};
}

// Beast refuses a message for a Connection or Upgrade field that is no list of tokens. We look for the few words in it
// that concern us, and hand neither field on.
bool has_odd_connection(const wire::Fields& fields) {
  return std::any_of(fields.begin(), fields.end(), [](const wire::Field& field) {
    const bool listed = field.traits.id == wire::FieldId::connection || field.traits.id == wire::FieldId::upgrade ||
                        wire::same_name(field.name, "proxy-connection");
    return listed && !http::validate_list(http::opt_token_list(field.value));
  });
}

template <class Parser>
bool beast_accepts(Parser& parser, std::string_view head) {
  parser.header_limit(1U << 20);
  parser.body_limit(boost::none);
  boost::beast::error_code failure;
  parser.put(boost::asio::buffer(head.data(), head.size()), failure);
  return !failure && parser.is_header_done();
}

// Beast moves fields of one name together, so the two lists are compared sorted.
template <class Parser>
void require_same_fields(const Parser& parser, const wire::Fields& fields) {
  std::vector<std::pair<std::string, std::string>> ours, theirs;
  for (const wire::Field& field : fields) ours.emplace_back(field.name, field.value);
  for (const auto& field : parser.get()) theirs.emplace_back(field.name_string(), field.value());
  std::sort(ours.begin(), ours.end());
  std::sort(theirs.begin(), theirs.end());
  require(ours == theirs, "Beast sees the same fields");
}

template <class Parser, class Head>
void require_same_framing(const Parser& parser, const Head& head) {
  require(parser.chunked() == (head.framing == wire::Framing::chunked), "Beast agrees about the chunked coding");
  if (head.framing == wire::Framing::length)
    require(parser.content_length() && *parser.content_length() == head.content_length, "Beast reads the same length");
}

void request(std::string_view input) {
  const std::string_view bytes = find_head(wire::HeadScanner::Kind::request, input);
  wire::RequestHead head;
  if (bytes.empty() || !wire::parse_request_head(bytes, head) || has_odd_connection(head.fields)) return;
  http::request_parser<http::empty_body> beast;
  require(beast_accepts(beast, bytes), "Beast accepts what we accept");
  const auto& message = beast.get();
  require(message.method_string() == head.method, "Beast sees the same method");
  const std::string_view target = message.target();  // an absolute one is ours without its origin
  require(target == head.target || (target.ends_with(head.target) && target.starts_with("http")) || head.target == "/",
          "Beast sees the same target");
  require((message.version() == 10) == head.http_1_0, "Beast sees the same version");
  require_same_fields(beast, head.fields);
  require_same_framing(beast, head);
}

void response(std::string_view input) {
  const std::string_view bytes = find_head(wire::HeadScanner::Kind::response, input);
  wire::ResponseHead head;
  if (bytes.empty() || !wire::parse_response_head(bytes, "GET", head) || has_odd_connection(head.fields)) return;
  http::response_parser<http::empty_body> beast;
  require(beast_accepts(beast, bytes), "Beast accepts what we accept");
  require(beast.get().result_int() == head.status, "Beast sees the same status");
  require_same_fields(beast, head.fields);
  if (head.framing != wire::Framing::none) require_same_framing(beast, head);
}

const std::vector<std::string> kWords = {
    "\r\n", "\n", "\r", " ", "\t", ":", ": ", ",", "0", "5", "+5", "0x5", "Host: b\r\n", "Content-Length: 3\r\n",
    "Transfer-Encoding: chunked\r\n", "Transfer-Encoding: gzip, chunked\r\n", "Connection: close\r\n",
    "Connection: x, keep-alive\r\n", "Expect: 100-continue\r\n", "Upgrade: h2c\r\n", "HTTP/1.0", "HTTP/2.0", "http://a",
    "\xc3\xa9", "x-a: 1\r\n", " x: folded\r\n"};

TEST(HttpHeadBesideBeast, RequestsThatWeAcceptReadTheSame) {
  EXPECT_EQ(drive(request,
                  {"GET /v1/models?x=1 HTTP/1.1\r\nHost: a\r\nAccept: */*\r\n\r\n",
                   "POST /v1/chat/completions HTTP/1.1\r\nhost: h:8080\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n",
                   "POST http://a:1/p?q HTTP/1.1\r\nHost: a:1\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n",
                   "DELETE /v1/files/x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"},
                  kWords, 60'000),
            "");
}

TEST(HttpHeadBesideBeast, AnswersThatWeAcceptReadTheSame) {
  EXPECT_EQ(drive(response,
                  {"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n",
                   "HTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\nx-request-id: 7\r\n\r\n",
                   "HTTP/1.0 429 Too Many Requests\r\nRetry-After: 7\r\n\r\n",
                   "HTTP/1.1 204 No Content\r\nConnection: keep-alive\r\n\r\n"},
                  kWords, 60'000),
            "");
}

}  // namespace
}  // namespace headworks::fuzz
