#include "json/json_reader.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <string>
#include <vector>

namespace headworks::json {
namespace {

struct Read {
  base::Result<Span> result = Span{};
  std::map<std::string, std::string> values;  // key -> the value's bytes
  std::map<std::string, std::string> texts;   // key -> the string's text
};

Read read(std::string document, std::uint32_t depth = 256) {
  static JsonReader reader;  // one for all: state must not leak from document to document
  const std::size_t size = document.size();
  document.resize(size + kPadding, '"');
  const std::string_view view = std::string_view(document).substr(0, size);
  Read read;
  read.result = reader.read_object(view, depth, [&](const Member& member) -> base::Result<void> {
    read.values[std::string(member.key)] = member.value.in(view);
    if (member.type == Type::string) read.texts[std::string(member.key)] = member.text;
    return {};
  });
  return read;
}

TEST(JsonReader, GivesTheExactBytesOfEveryTopLevelValue) {
  const Read got = read(R"( { "model" : "a\"b\u0063" , "n":-1.5e+3,"list" : [1,)"
                        R"( {"x":[]} ] ,"o":{ "k" : null } , "t":true,"z":null } )");
  ASSERT_TRUE(got.result) << got.result.error().message;
  EXPECT_EQ(got.values.at("model"), R"("a\"b\u0063")");
  EXPECT_EQ(got.texts.at("model"), "a\"bc");
  EXPECT_EQ(got.values.at("n"), "-1.5e+3");
  EXPECT_EQ(got.values.at("list"), R"([1, {"x":[]} ])");
  EXPECT_EQ(got.values.at("o"), R"({ "k" : null })");
  EXPECT_EQ(got.values.at("t"), "true");
  EXPECT_EQ(got.values.at("z"), "null");
}

TEST(JsonReader, ReadsEscapedKeys) {
  const Read got = read(R"({"mod\u0065l":"x"})");
  ASSERT_TRUE(got.result);
  EXPECT_EQ(got.texts.at("model"), "x");
}

TEST(JsonReader, LeavesTheRangeOfNumbersAlone) {
  EXPECT_TRUE(read(R"({"a":18446744073709551616,"b":1e999,"c":)" + std::string(400, '9') + "}").result);
}

TEST(JsonReader, TheSpanOfTheObjectLeavesBlanksOut) {
  const Read got = read("  {\"a\":1}\r\n ");
  ASSERT_TRUE(got.result);
  EXPECT_EQ(got.result->begin, 2u);
  EXPECT_EQ(got.result->end, 9u);
}

class Refuses : public ::testing::TestWithParam<std::string> {};

TEST_P(Refuses, WhatIsNoJsonObject) {
  const Read got = read(GetParam());
  ASSERT_FALSE(got.result) << GetParam();
  EXPECT_EQ(got.result.error().kind, base::ErrorKind::invalid_json);
}

INSTANTIATE_TEST_SUITE_P(
    Json, Refuses,
    ::testing::Values("", "   ", "[1]", R"("x")", "1", "null", R"({"model":"a", nonsense })",
                      R"({"a":1}{"a":2})", R"({"a":1} x)", R"({"a":NaN})", R"({"a":1,})", R"({"a":[1,]})",
                      R"({"a":01})", R"({"a":01.2.3})", R"({"a":1.})", R"({"a":.5})", R"({"a":+1})",
                      R"({"a":1e})", R"({"a":tru})", R"({"a":truex})", R"({"a":nul})", R"({"a":nulls})",
                      R"({"a" 1})", R"({"a":})", R"({a:1})", R"({"a":1 /* c */})", R"({"a":1)", R"({"a":[1})",
                      R"({"a":{"b":1]})", R"({"a":"\x"})", R"({"a":{"b":"\u12G4"}})", R"({"a":["\ud800"]})",
                      "{\"a\":\"\x01\"}", "{\"a\":\"\xff\"}", "{\"a\":\"\xc0\xaf\"}", "\xef\xbb\xbf{\"a\":1}",
                      R"({"a":1 "b":2})", R"({"a":[1 2]})", R"({"a":{"b":1 "c":2}})", R"({,"a":1})",
                      R"({"a":"b)", std::string("{\"a\":1}\0", 8), R"({"a":{}]})", R"({"a":-})",
                      R"({"a":["b":]})", R"({"a":["b":1]})", R"({"a":[["b":]]})", R"({"a":{"b":"c":1}})",
                      R"({"a":"b":1})"));

TEST(JsonReader, DepthHasALimit) {
  const auto nested = [](std::size_t depth) {
    return "{\"a\":" + std::string(depth, '[') + std::string(depth, ']') + "}";
  };
  EXPECT_TRUE(read(nested(200)).result);
  EXPECT_FALSE(read(nested(257)).result);
  EXPECT_FALSE(read(nested(5000)).result);
  EXPECT_FALSE(read(std::string(100'000, '[')).result);
  EXPECT_FALSE(read("{\"a\":" + std::string(100'000, '[')).result);
}

TEST(JsonReader, ReadsTheElementsOfAnArray) {
  std::string document = R"( [ {"a":[1]} , "x\n",-2.5, null ,[ ], true] )";
  const std::size_t size = document.size();
  document.resize(size + kPadding, '"');
  const std::string_view view = std::string_view(document).substr(0, size);
  JsonReader reader;
  std::vector<std::string> values;
  const auto result = reader.read_array(view, 256, [&](const Member& element) -> base::Result<void> {
    EXPECT_TRUE(element.key.empty());
    values.emplace_back(element.value.in(view));
    EXPECT_EQ(element.text, element.type == Type::string ? "x\n" : "");
    return {};
  });
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(values, (std::vector<std::string>{R"({"a":[1]})", R"("x\n")", "-2.5", "null", "[ ]", "true"}));
  EXPECT_EQ(result->begin, 1u);
  EXPECT_EQ(result->end, size - 1);
  for (const char* bad : {"{}", "[1,]", "[1] x", "[1", "[tru]", "", "[1 2]", "[,]", "[[]", "[01]"}) {
    std::string text = bad;
    const std::size_t length = text.size();
    text.resize(length + kPadding);
    EXPECT_FALSE(reader.read_array(std::string_view(text).substr(0, length), 256,
                                   [](const Member&) -> base::Result<void> { return {}; }))
        << bad;
  }
}

TEST(JsonReader, LargeDocumentsBetweenSmallOnes) {
  for (const std::size_t size : {10u, 3'000'000u, 20u, 70'000u, 1'100'000u, 30u}) {
    const Read got = read(R"({"a":[)" + std::string(size, '1') + R"(],"b\n":"\u00e9"})");
    ASSERT_TRUE(got.result);
    EXPECT_EQ(got.values.at("a").size(), size + 2);
    EXPECT_EQ(got.texts.at("b\n"), "\xc3\xa9");
  }
}

TEST(JsonReader, HostileNestingIsRefusedQuickly) {
  std::string nested;
  while (nested.size() < (8 << 20)) nested += R"({"a":)";
  const auto started = std::chrono::steady_clock::now();
  EXPECT_FALSE(read(R"({"model":"a","tools":)" + nested + "}").result);
  EXPECT_LT(std::chrono::steady_clock::now() - started, std::chrono::seconds(1)) << "20 ms when optimised";
}

TEST(JsonReader, TheVisitorCanEndTheWalk) {
  std::string document = R"({"a":1,"b":2})";
  document.resize(document.size() + kPadding);
  JsonReader reader;
  int seen = 0;
  const auto result = reader.read_object(std::string_view(document).substr(0, 13), 256,
                                         [&](const Member&) -> base::Result<void> {
                                           ++seen;
                                           return base::fail(base::ErrorKind::duplicate_key, "no more");
                                         });
  EXPECT_EQ(seen, 1);
  EXPECT_EQ(result.error().kind, base::ErrorKind::duplicate_key);
}

}  // namespace
}  // namespace headworks::json
