#include "dialect/error_body.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

namespace headworks::dialect {
namespace {

using base::ErrorKind;
using std::chrono::milliseconds;
using testing::HasSubstr;
using testing::Not;

struct Written {
  std::string head;
  std::string body;
  boost::json::object json;
};

Written write(Dialect dialect, const base::Error& error) {
  Written written;
  wire::HeadWriter head(written.head);
  write_error(dialect, error, "req_1", head, written.body);
  written.json = boost::json::parse(written.body).as_object();
  return written;
}

base::Error limited(milliseconds wait) {
  base::Error error = base::fail(ErrorKind::all_backends_limited, "later");
  error.retry_after = wait;
  return error;
}

TEST(ErrorBody, HasTheShapeOfItsDialect) {
  base::Error error = base::fail(ErrorKind::missing_model, "say \"which\"\n");
  error.param = "model";
  const Written openai = write(Dialect::openai, error);
  EXPECT_EQ(openai.body, R"({"error":{"message":"say \"which\"\n",)"
                         R"("type":"invalid_request_error","param":"model","code":"missing_model"}})");
  const Written anthropic = write(Dialect::anthropic, error);
  EXPECT_EQ(anthropic.body, R"({"type":"error","error":{"type":"invalid_request_error",)"
                            R"("message":"say \"which\"\n"},"request_id":"req_1"})");
  EXPECT_THAT(openai.head, HasSubstr("content-type: application/json\r\n"));
}

TEST(ErrorBody, EveryKindIsWrittenInBothDialects) {
  for (int kind = 0; kind < static_cast<int>(ErrorKind::count_); ++kind) {
    const base::Error error = base::fail(static_cast<ErrorKind>(kind), "why", "the detail is for the log");
    for (const Dialect dialect : {Dialect::openai, Dialect::anthropic}) {
      const Written written = write(dialect, error);
      const boost::json::object& inner = written.json.at("error").as_object();
      EXPECT_EQ(inner.at("message").as_string(), "why");
      EXPECT_FALSE(inner.at("type").as_string().empty());
      EXPECT_THAT(written.body, Not(HasSubstr("detail")));
      EXPECT_GE(status_of(dialect, error.kind), 400);
      EXPECT_LE(status_of(dialect, error.kind), 599);
    }
  }
}

TEST(ErrorBody, SaysWhenToComeBack) {
  const auto head = [](milliseconds wait) { return write(Dialect::openai, limited(wait)).head; };
  EXPECT_THAT(head(milliseconds(1500)), HasSubstr("retry-after: 2\r\nretry-after-ms: 1500\r\n"));
  EXPECT_THAT(head(milliseconds(2000)), HasSubstr("retry-after: 2\r\nretry-after-ms: 2000\r\n"));
  EXPECT_THAT(head(milliseconds(0)), HasSubstr("retry-after: 1\r\nretry-after-ms: 1\r\n"));
  EXPECT_THAT(head(milliseconds(-5)), HasSubstr("retry-after: 1\r\nretry-after-ms: 1\r\n"));
  EXPECT_THAT(head(milliseconds(1500)), Not(HasSubstr("x-should-retry")));
}

TEST(ErrorBody, StopsClientsWhereAnotherTryIsNoUse) {
  for (const ErrorKind kind : {ErrorKind::upstream_error, ErrorKind::upstream_timeout, ErrorKind::no_backend,
                               ErrorKind::insufficient_quota})
    EXPECT_THAT(write(Dialect::openai, base::fail(kind, "x")).head, HasSubstr("x-should-retry: false\r\n"));
  EXPECT_THAT(write(Dialect::openai, base::fail(ErrorKind::invalid_api_key, "x")).head,
              HasSubstr("www-authenticate: Bearer\r\n"));
}

TEST(ErrorBody, AQuotaIsSpentInTheWordsOfEachDialect) {
  EXPECT_EQ(status_of(Dialect::openai, ErrorKind::insufficient_quota), 429);
  EXPECT_EQ(status_of(Dialect::anthropic, ErrorKind::insufficient_quota), 402);
  const base::Error error = base::fail(ErrorKind::insufficient_quota, "x");
  EXPECT_EQ(write(Dialect::openai, error).json.at("error").at("code").as_string(), "insufficient_quota");
  EXPECT_EQ(write(Dialect::anthropic, error).json.at("error").at("type").as_string(), "billing_error");
}

std::string event_of(StreamShape shape, std::string message) {
  std::string out;
  append_stream_error(shape, base::fail(ErrorKind::upstream_reset, std::move(message)), "req_1", out);
  return out;
}

TEST(StreamError, HasTheShapeOfItsRoute) {
  EXPECT_EQ(event_of(StreamShape::chat, "cut"),
            "data: "
            "{\"error\":{\"message\":\"cut\",\"type\":\"upstream_error\",\"param\":null,\"code\":\"upstream_"
            "reset\"}}\n\n");
  EXPECT_EQ(event_of(StreamShape::completions, "cut"), event_of(StreamShape::chat, "cut"));
  EXPECT_EQ(event_of(StreamShape::messages, "cut"),
            "event: error\ndata: "
            "{\"type\":\"error\",\"error\":{\"type\":\"api_error\",\"message\":\"cut\"},\"request_id\":\"req_"
            "1\"}\n\n");
  EXPECT_EQ(event_of(StreamShape::responses, "cut"),
            "event: response.failed\ndata: "
            "{\"type\":\"response.failed\",\"response\":{\"object\":\"response\",\"status\":\"failed\","
            "\"error\":{\"code\":\"upstream_reset\",\"message\":\"cut\"}}}\n\n");
}

TEST(StreamError, AMessageCannotEndItsEvent) {
  for (const StreamShape shape : {StreamShape::chat, StreamShape::messages, StreamShape::responses}) {
    const std::string event = event_of(shape, "a\r\n\r\ndata: [DONE]\n\n");
    EXPECT_EQ(event.find("\n\n"), event.size() - 2);
    EXPECT_EQ(event.find('\r'), std::string::npos);
  }
}

}  // namespace
}  // namespace headworks::dialect
