#include "json/json_writer.hpp"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <limits>

#include "base/random.hpp"

namespace headworks::json {
namespace {

std::string string_of(std::string_view text) {
  std::string out;
  append_string(out, text);
  return out;
}

TEST(JsonWriter, PutsCommasWhereTheyBelong) {
  std::string out;
  JsonWriter json(out);
  json.open_object().key("a").number(-1).key("b").open_array().close_array().key("c").open_array();
  json.string("x").null().boolean(true).open_object().close_object().raw("[1,2]").close_array();
  json.key("d").number(std::numeric_limits<std::int64_t>::min()).key("").boolean(false).close_object();
  EXPECT_EQ(out, R"({"a":-1,"b":[],"c":["x",null,true,{},[1,2]],"d":-9223372036854775808,"":false})");
}

TEST(JsonWriter, AppendsToWhatIsThere) {
  std::string out = "data: ";
  JsonWriter(out).open_array().number(1).close_array();
  EXPECT_EQ(out, "data: [1]");
}

TEST(JsonWriter, EscapesWhatMustBe) {
  EXPECT_EQ(string_of("a\"b\\c/\n\r\t\b\x01\x1f\x7f"), R"("a\"b\\c/\n\r\t\u0008\u0001\u001f\u007f")");
  EXPECT_EQ(string_of(std::string_view("\0", 1)), R"("\u0000")");
  EXPECT_EQ(string_of(""), R"("")");
  EXPECT_EQ(string_of("é€😀"), "\"é€😀\"");
}

TEST(JsonWriter, BrokenUtf8BecomesTheReplacementCharacter) {
  const std::string r = "\xef\xbf\xbd";
  EXPECT_EQ(string_of("a\xff"
                      "b"),
            "\"a" + r + "b\"");
  EXPECT_EQ(string_of("\xc0\xaf"), "\"" + r + r + "\"") << "overlong";
  EXPECT_EQ(string_of("\xed\xa0\x80"), "\"" + r + r + r + "\"") << "a surrogate";
  EXPECT_EQ(string_of("\xf4\x90\x80\x80"), "\"" + r + r + r + r + "\"") << "beyond U+10FFFF";
  EXPECT_EQ(string_of("\xe2\x82"), "\"" + r + r + "\"") << "cut";
}

TEST(JsonWriter, WhateverIsWrittenIsValidAndReadsBack) {
  base::Random random(7);
  for (int round = 0; round < 2000; ++round) {
    std::string text;
    const std::size_t size = random.below(40);
    for (std::size_t i = 0; i < size; ++i)
      text.push_back(static_cast<char>(random.below(round % 2 == 0 ? 256 : 128)));
    boost::system::error_code error;
    const boost::json::value value = boost::json::parse(string_of(text), error);
    ASSERT_FALSE(error) << string_of(text);
    EXPECT_TRUE(round % 2 == 0 || value.as_string() == text) << text;
  }
}

}  // namespace
}  // namespace headworks::json
