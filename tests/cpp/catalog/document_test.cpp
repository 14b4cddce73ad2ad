#include "catalog/document.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace headworks::catalog {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<std::string> paths_in(std::string_view text) {
  std::vector<Problem> problems;
  EXPECT_TRUE(parse_document(text, problems)) << text;
  std::vector<std::string> paths;
  for (const Problem& problem : problems) paths.push_back(problem.path);
  return paths;
}

std::string syntax_error_of(std::string_view text) {
  std::vector<Problem> problems;
  EXPECT_FALSE(parse_document(text, problems)) << text;
  return problems.size() == 1 ? problems[0].message : std::to_string(problems.size()) + " problems";
}

TEST(Document, TellsEveryNameThatStandsTwiceAndWhere) {
  EXPECT_THAT(paths_in(R"({"a": 1, "b": [1, {"x": 1}, {"c": 1, "d": {}, "c": 2}], "a": {"e": 1, "e": 1}})"),
              ElementsAre("$.b[2].c", "$.a", "$.a.e"));
  EXPECT_THAT(paths_in(R"({"a": 1, "\u0061": 2})"), ElementsAre("$.a")) << "escapes do not hide a name";
  EXPECT_THAT(paths_in(R"([[], [[], {"q-*": 1, "q-*": 2}]])"), ElementsAre("$[1][1][\"q-*\"]"));
  EXPECT_THAT(paths_in(R"({"a": 1, "a": 1, "a": 1})"), ElementsAre("$.a", "$.a"));
}

TEST(Document, TheSameNameInTwoObjectsIsFine) {
  EXPECT_THAT(paths_in(R"({"a": {"a": [{"a": null}, {"a": true}]}, "A": "a"})"), IsEmpty());
  EXPECT_THAT(paths_in("  {}\n"), IsEmpty());
  EXPECT_THAT(paths_in("[1, -2, 1.5, 18446744073709551615]"), IsEmpty());
}

TEST(Document, ASyntaxErrorHasALineAndAColumn) {
  EXPECT_THAT(syntax_error_of("{\n  \"a\": 1,\n  \"b\" 2\n}"), HasSubstr("at line 3, column 7"));
  EXPECT_THAT(syntax_error_of("{} x"), HasSubstr("line 1"));
  for (const char* broken :
       {"", " ", "{", "{\"a\":}", "[1,]", "{'a': 1}", "nul", "{} {}", "\"\xff\"", "// x\n{}"})
    EXPECT_THAT(syntax_error_of(broken), HasSubstr("this is not JSON: ")) << broken;
}

TEST(Document, NestingIsBounded) {
  EXPECT_THAT(syntax_error_of(std::string(100'000, '[')), HasSubstr("this is not JSON"));
  EXPECT_THAT(paths_in(std::string(60, '[') + std::string(60, ']')), IsEmpty());
}

}  // namespace
}  // namespace headworks::catalog
