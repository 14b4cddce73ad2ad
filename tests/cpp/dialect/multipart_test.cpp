#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "dialect/envelope.hpp"

namespace headworks::dialect {
namespace {

const RouteRow& audio() { return *find_route("POST", "/v1/audio/transcriptions"); }
constexpr const char* kType = "multipart/form-data; boundary=b";

std::string part(std::string_view disposition, std::string_view content) {
  return "--b\r\nContent-Disposition: form-data; " + std::string(disposition) + "\r\n\r\n" +
         std::string(content) + "\r\n";
}

std::string code_of(const base::Result<Envelope>& envelope) {
  return envelope ? "fine" : std::string(base::code_of(envelope.error().kind));
}

std::string code_of(std::string_view type, std::string_view body) {
  return code_of(read_multipart_envelope(type, body, audio()));
}

TEST(Multipart, FindsTheModelAndItsBytes) {
  const std::string body = part("name=\"file\"; filename=\"model\"", std::string("\0\xff--b\r\n--", 9)) +
                           part("name=\"model\"", "whisper-1") + "--b--\r\n";
  const auto envelope = read_multipart_envelope(kType, body, audio());
  ASSERT_TRUE(envelope) << envelope.error().message;
  EXPECT_EQ(envelope->model, "whisper-1");
  EXPECT_EQ(envelope->model_span->in(body), "whisper-1");
  SplicedBody out;
  out.splice(body, *envelope, "large \"v3\"", false, false);
  std::string text;
  for (const std::string_view piece : out.pieces()) text += piece;
  std::string expected = body;
  expected.replace(envelope->model_span->begin, 9, "large \"v3\"");
  EXPECT_EQ(text, expected) << "form values stand bare";
}

TEST(Multipart, ReadsTheFormsThatClientsWrite) {
  const std::string model = part("name=\"model\"", "a") + "--b--";
  for (const char* type :
       {"multipart/form-data; boundary=b", "multipart/form-data;boundary=\"b\"",
        "multipart/form-data; charset=utf-8; BOUNDARY=b", "multipart/form-data; boundary = b"})
    EXPECT_EQ(code_of(type, model), "fine") << type;
  EXPECT_EQ(code_of(kType, "preamble\r\n" + model + "\r\nepilogue"), "fine");
  EXPECT_EQ(code_of(kType, part("name=model", "a") + "--b--"), "fine");
  EXPECT_EQ(read_multipart_envelope(kType, part("name=\"mod\\el\"", "a") + "--b--", audio())->model, "a")
      << "some readers take the backslash out";
  EXPECT_EQ(
      read_multipart_envelope(
          kType,
          "--b\r\ncontent-type: text/plain\r\ncontent-disposition:form-data;NAME=model\r\n\r\na\r\n--b--",
          audio())
          ->model,
      "a");
  EXPECT_EQ(code_of(kType, "--b \t\r\nContent-Disposition: form-data; name=x\r\n\r\n\r\n--b--"), "fine")
      << "an empty value";
}

TEST(Multipart, TextThatOnlyLooksLikeADelimiterIsContent) {
  const std::string body = part("name=x", "a--b\r\nContent-Disposition: form-data; name=model\r\n\r\nevil") +
                           part("name=model", "good") + "--b--";
  EXPECT_EQ(read_multipart_envelope(kType, body, audio())->model, "good");
}

TEST(Multipart, RefusesWhatTwoReadersCouldReadDifferently) {
  const std::string model = part("name=model", "a");
  EXPECT_EQ(code_of(kType, model + part("name=model", "b") + "--b--"), "duplicate_key");
  EXPECT_EQ(code_of(kType, part("name=model; filename=x", "b") + "--b--"), "bad_request");
  EXPECT_EQ(code_of(kType, part("name=x; name=model", "b") + "--b--"), "bad_request");
  EXPECT_EQ(code_of(kType, part("name=x; name*=utf-8''model", "b") + "--b--"), "bad_request");
  EXPECT_EQ(code_of(kType, part("filename=x", "b") + "--b--"), "bad_request");
  EXPECT_EQ(code_of(kType, "--b\r\nA: b\r\n folded\r\n\r\nx\r\n--b--"), "bad_request");
  EXPECT_EQ(code_of(kType, "--b\r\n\r\nno head\r\n--b--"), "bad_request");
  EXPECT_EQ(code_of(kType, model), "bad_request") << "no end";
  EXPECT_EQ(code_of(kType, model + "--bc--"), "bad_request");
  EXPECT_EQ(code_of(kType, ""), "bad_request");
  EXPECT_EQ(code_of(kType, "--b"), "bad_request");
  EXPECT_EQ(code_of(kType, part("name=model", "") + "--b--"), "bad_request");
  EXPECT_EQ(code_of(kType, part("name=model", "a\r\nb") + "--b--"), "model_not_found");
  EXPECT_EQ(code_of(kType, part("name=model", std::string(513, 'a')) + "--b--"), "bad_request");
}

TEST(Multipart, TheBoundaryHasItsLimits) {
  const auto with = [](const std::string& boundary) {
    return code_of("multipart/form-data; boundary=" + boundary, "--" + boundary + "--");
  };
  EXPECT_EQ(with(std::string(70, 'x')), "fine");
  EXPECT_EQ(with(std::string(71, 'x')), "bad_request");
  EXPECT_EQ(with(std::string(10'240, 'x')), "bad_request");
  EXPECT_EQ(code_of("multipart/form-data", "--b--"), "bad_request");
  EXPECT_EQ(code_of("multipart/form-data; boundary=", "--b--"), "bad_request");
  EXPECT_EQ(code_of("multipart/form-data; boundary=b; boundary=c", "--b--"), "bad_request");
  EXPECT_EQ(code_of("multipart/form-data; xboundary=b", "--b--"), "bad_request");
}

TEST(Multipart, ManyPartsAreRefused) {
  std::string body;
  for (int i = 0; i < 1001; ++i) body += part("name=x", "");
  EXPECT_EQ(code_of(kType, body + "--b--"), "bad_request");
}

TEST(Multipart, ABodyOfNearMissesIsReadInLinearTime) {
  // A search that compares at every byte would need seconds.
  const std::string boundary(70, '-');
  std::string body(16 << 20, '-');
  for (std::size_t at = 0; at + 2 <= body.size(); at += 73) body.replace(at, 2, "\r\n");
  const auto started = std::chrono::steady_clock::now();
  EXPECT_EQ(code_of("multipart/form-data; boundary=" + boundary, body), "bad_request");
  EXPECT_LT(std::chrono::steady_clock::now() - started, std::chrono::seconds(1));
}

TEST(Multipart, AModelIsNotNeededForFiles) {
  EXPECT_EQ(code_of(kType, part("name=\"file\"; filename=\"a.jsonl\"", "{}") + "--b--"), "fine");
}

}  // namespace
}  // namespace headworks::dialect
