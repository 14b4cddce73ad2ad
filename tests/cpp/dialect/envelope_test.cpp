#include "dialect/envelope.hpp"

#include <gtest/gtest.h>

#include <ostream>
#include <string>

#include "padded.hpp"

namespace headworks::dialect {
namespace {

using base::ErrorKind;

const RouteRow& chat() { return *find_route("POST", "/v1/chat/completions"); }
const RouteRow& responses() { return *find_route("POST", "/v1/responses"); }

base::Result<Envelope> read(std::string_view body, const RouteRow& route = chat(),
                            std::uint32_t depth = 256) {
  static json::JsonReader reader;
  const Padded padded(body);
  return read_envelope(reader, padded, depth, route);
}

std::string code_of(const base::Result<Envelope>& envelope) {
  return envelope ? "fine" : std::string(base::code_of(envelope.error().kind));
}

TEST(Envelope, ReadsWhatAGatewayDecidesOn) {
  const std::string body =
      R"( {"messages":[{"role":"user","content":"model"}], "model" : "a\/b" ,"stream":true,"max_tokens":12})";
  const auto envelope = read(body);
  ASSERT_TRUE(envelope) << envelope.error().message;
  EXPECT_EQ(envelope->model, "a/b");
  EXPECT_EQ(envelope->model_span->in(body), R"("a\/b")");
  EXPECT_TRUE(envelope->stream);
  EXPECT_EQ(envelope->max_tokens, 12u);
  EXPECT_EQ(envelope->object.begin, 1u);
  EXPECT_EQ(envelope->object.end, body.size());
}

TEST(Envelope, KnowsAllNamesOfTheTokenLimit) {
  EXPECT_EQ(read(R"({"model":"a","max_completion_tokens":7})")->max_tokens, 7u);
  EXPECT_EQ(read(R"({"model":"a","max_output_tokens":8})", responses())->max_tokens, 8u);
  for (const char* odd : {"-5", "1.5", "null", "\"9\"", "99999999999999999999"})
    EXPECT_EQ(read(std::string(R"({"model":"a","max_tokens":)") + odd + "}")->max_tokens, std::nullopt)
        << odd;
}

struct Row {
  const char* why;
  std::string body;
  const char* code;
};

void PrintTo(const Row& row, std::ostream* out) { *out << row.why; }

class Body : public ::testing::TestWithParam<Row> {};

TEST_P(Body, IsJudged) {
  const auto envelope = read(GetParam().body);
  EXPECT_EQ(code_of(envelope), GetParam().code) << GetParam().why;
  EXPECT_TRUE(envelope || !envelope.error().message.empty());
}

std::string deep(std::size_t depth) {
  return R"({"model":"a","x":)" + std::string(depth, '[') + std::string(depth, ']') + "}";
}

// The rows of table 4.3 of the bad-input tests that concern the body.
INSTANTIATE_TEST_SUITE_P(
    BadInput, Body,
    ::testing::Values(
        Row{"J01 empty", "", "invalid_json"}, Row{"J01 blank", " \n", "invalid_json"},
        Row{"J02 array", "[1]", "invalid_json"}, Row{"J02 string", "\"x\"", "invalid_json"},
        Row{"J03 nonsense behind", R"({"model":"a", nonsense })", "invalid_json"},
        Row{"J04 two documents", R"({"model":"a"}{"model":"b"})", "invalid_json"},
        Row{"J04 trailing text", R"({"model":"a"} x)", "invalid_json"},
        Row{"J05 NaN", R"({"model":"a","x":NaN})", "invalid_json"},
        Row{"J05 comment", R"({"model":"a"/**/})", "invalid_json"},
        Row{"J05 trailing comma", R"({"model":"a",})", "invalid_json"},
        Row{"J05 number", R"({"model":"a","x":01.2.3})", "invalid_json"},
        Row{"J06 twice", R"({"model":"cheap","model":"expensive"})", "duplicate_key"},
        Row{"J06 stream twice", R"({"model":"a","stream":true,"stream":false})", "duplicate_key"},
        Row{"J06 options twice", R"({"model":"a","stream_options":{},"stream_options":{}})", "duplicate_key"},
        Row{"J07 escaped", R"({"mod\u0065l":"a"})", "fine"},
        Row{"J08 plain and escaped", R"({"model":"a","mod\u0065l":"b"})", "duplicate_key"},
        Row{"J09 bad UTF-8", "{\"model\":\"a\",\"x\":\"\xff\"}", "invalid_json"},
        Row{"J09 overlong UTF-8", "{\"model\":\"a\",\"x\":\"\xc0\xaf\"}", "invalid_json"},
        Row{"J09 lone surrogate", R"({"model":"a","x":"\ud800"})", "invalid_json"},
        Row{"J09 control character", "{\"model\":\"a\",\"x\":\"\x01\"}", "invalid_json"},
        Row{"J10 zero in the model", R"({"model":"gpt\u0000-4"})", "bad_request"},
        Row{"J11 byte order mark", "\xef\xbb\xbf{\"model\":\"a\"}", "invalid_json"},
        Row{"J12 depth", deep(5000), "invalid_json"}, Row{"J12 depth that is fine", deep(200), "fine"},
        Row{"J12 unclosed", std::string(100'000, '['), "invalid_json"},
        Row{"J13 2^64", R"({"model":"a","seed":18446744073709551616})", "fine"},
        Row{"J13 1e999", R"({"model":"a","top_p":1e999})", "fine"},
        Row{"J13 400 digits", R"({"model":"a","seed":)" + std::string(400, '7') + "}", "fine"},
        Row{"J14 no model", R"({"stream":true})", "missing_model"},
        Row{"J14 nested does not count", R"({"metadata":{"model":"a"}})", "missing_model"},
        Row{"J14 number", R"({"model":7})", "bad_request"},
        Row{"J14 null", R"({"model":null})", "bad_request"},
        Row{"J14 empty", R"({"model":""})", "bad_request"},
        Row{"J14 512 bytes", R"({"model":")" + std::string(512, 'a') + "\"}", "fine"},
        Row{"J14 513 bytes", R"({"model":")" + std::string(513, 'a') + "\"}", "bad_request"},
        Row{"J15 line end", R"({"model":"a\r\nX: y"})", "model_not_found"},
        Row{"J15 markup is a name like others", R"({"model":"<img>"})", "fine"},
        Row{"J16 stream is text", R"({"model":"a","stream":"yes"})", "bad_request"},
        Row{"J16 stream is a number", R"({"model":"a","stream":1})", "bad_request"},
        Row{"J16 stream null is no stream", R"({"model":"a","stream":null})", "fine"},
        Row{"J16 messages are not read", R"({"model":"a","messages":{}})", "fine"},
        Row{"J17 left to the provider", R"({"model":"a","n":1000000,"max_tokens":-5})", "fine"},
        Row{"J19 destinations are data", R"({"model":"a","api_base":"http://x","api_key":"k"})", "fine"},
        Row{"the usage wish twice",
            R"({"model":"a","stream":true,"stream_options":{"include_usage":true,"include_usage":false}})",
            "duplicate_key"}));

TEST(Envelope, TheFieldAtFaultIsNamed) {
  EXPECT_EQ(read(R"({"model":7})").error().param, "model");
  EXPECT_EQ(read(R"({})").error().param, "model");
  EXPECT_EQ(read(R"({"model":"a","stream":7})").error().param, "stream");
  EXPECT_EQ(read(R"({"model":"a","stream":true,"stream":true})").error().param, "stream");
}

TEST(Envelope, AModelIsNotNeededEverywhere) {
  EXPECT_EQ(code_of(read(R"({"input":"x"})", responses())), "fine");
  EXPECT_EQ(code_of(read(R"({"model":7})", responses())), "bad_request");
}

// ---- splicing ----

std::string spliced(std::string_view body, std::string_view model, bool add_usage) {
  static json::JsonReader reader;
  const Padded padded(body);
  const auto envelope = read_envelope(reader, padded, 256, chat());
  if (!envelope) return "refused: " + envelope.error().message;
  SplicedBody out;
  out.splice(padded, *envelope, model, add_usage, true);
  std::string text;
  for (const std::string_view piece : out.pieces()) text += piece;
  EXPECT_EQ(text.size(), out.size());
  const Padded result(text);
  const auto again = read_envelope(reader, result, 256, chat());
  EXPECT_TRUE(again) << "what is sent is valid: " << text;
  const bool nonsense = envelope->stream_options && envelope->stream_options_type == json::Type::string;
  EXPECT_TRUE(!add_usage || nonsense || again->include_usage) << text;
  return text;
}

TEST(SplicedBody, ChangesTheModelAndNothingElse) {
  EXPECT_EQ(spliced(R"({ "x" : 1e5 , "model" :"a", "y":"\u00e9"} )", "meta/b", false),
            R"({ "x" : 1e5 , "model" :"meta/b", "y":"\u00e9"} )");
  EXPECT_EQ(spliced(R"({"mod\u0065l":"a"})", "b", false), R"({"mod\u0065l":"b"})");
  EXPECT_EQ(spliced(R"({"model":"a"})", "say \"b\"\\", false), R"({"model":"say \"b\"\\"})");
}

TEST(SplicedBody, WithoutAChangeTheBytesAreTheClients) {
  const Padded body(R"({"model":"a"})");
  json::JsonReader reader;
  const auto envelope = read_envelope(reader, body, 256, chat());
  for (const char* same : {"", "a"}) {
    SplicedBody out;
    out.splice(body, *envelope, same, false, true);
    ASSERT_EQ(out.pieces().size(), 1u);
    EXPECT_EQ(out.pieces()[0].data(), body.view().data()) << "no copy";
    EXPECT_EQ(out.size(), body.view().size());
  }
}

TEST(SplicedBody, AsksForUsageWhereverTheWishStands) {
  EXPECT_EQ(spliced(R"({"model":"a","stream":true})", "", true),
            R"({"stream_options":{"include_usage":true},"model":"a","stream":true})");
  EXPECT_EQ(spliced(R"({"model":"a","stream":true,"stream_options":{}})", "", true),
            R"({"model":"a","stream":true,"stream_options":{"include_usage":true}})");
  EXPECT_EQ(spliced(R"({"model":"a","stream":true,"stream_options":{ "x":1}})", "", true),
            R"({"model":"a","stream":true,"stream_options":{"include_usage":true, "x":1}})");
  EXPECT_EQ(spliced(R"({"model":"a","stream":true,"stream_options":null})", "", true),
            R"({"model":"a","stream":true,"stream_options":{"include_usage":true}})");
  EXPECT_EQ(spliced(R"({"model":"a","stream":true,"stream_options":{"include_usage":false}})", "", true),
            R"({"model":"a","stream":true,"stream_options":{"include_usage":true}})");
  EXPECT_EQ(spliced(R"({"model":"a","stream":true,"stream_options":{"include_usage":null}})", "", true),
            R"({"model":"a","stream":true,"stream_options":{"include_usage":true}})");
  EXPECT_EQ(spliced(R"({"model":"a","stream":true,"stream_options":{"include_usage":true}})", "", true),
            R"({"model":"a","stream":true,"stream_options":{"include_usage":true}})");
  EXPECT_EQ(spliced(R"({"model":"a","stream":true,"stream_options":"x"})", "", true),
            R"({"model":"a","stream":true,"stream_options":"x"})")
      << "nonsense is the upstream's to refuse";
}

TEST(SplicedBody, BothEditsInEitherOrder) {
  EXPECT_EQ(spliced(R"({"stream":true,"stream_options":null,"model":"a"})", "b", true),
            R"({"stream":true,"stream_options":{"include_usage":true},"model":"b"})");
  EXPECT_EQ(spliced(R"({"model":"a","stream":true,"stream_options":null})", "b", true),
            R"({"model":"b","stream":true,"stream_options":{"include_usage":true}})");
  EXPECT_EQ(spliced(R"({"model":"a","stream":true})", "b", true),
            R"({"stream_options":{"include_usage":true},"model":"b","stream":true})");
}

}  // namespace
}  // namespace headworks::dialect
