#include "dialect/models_list.hpp"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <string>
#include <vector>

namespace headworks::dialect {
namespace {

using Names = std::vector<std::string>;

std::string models(Dialect dialect, const Names& names, std::string_view query = "") {
  std::string out;
  write_models(dialect, names, 1'700'000'000, out, read_models_page(query));
  return out;
}

TEST(ModelsList, HasTheShapeOfItsDialect) {
  EXPECT_EQ(
      models(Dialect::openai, {"a", "b\"c"}),
      R"({"object":"list","data":[{"id":"a","object":"model","created":1700000000,"owned_by":"headworks"},)"
      R"({"id":"b\"c","object":"model","created":1700000000,"owned_by":"headworks"}]})");
  EXPECT_EQ(models(Dialect::anthropic, {"a", "b"}),
            R"({"data":[{"type":"model","id":"a","display_name":"a","created_at":"2023-11-14T22:13:20Z"},)"
            R"({"type":"model","id":"b","display_name":"b","created_at":"2023-11-14T22:13:20Z"}],)"
            R"("has_more":false,"first_id":"a","last_id":"b"})");
}

TEST(ModelsList, MayBeEmpty) {
  EXPECT_EQ(models(Dialect::openai, {}), R"({"object":"list","data":[]})");
  EXPECT_EQ(models(Dialect::anthropic, {}), R"({"data":[],"has_more":false,"first_id":null,"last_id":null})");
}

TEST(ModelsList, OfOneModel) {
  std::string out;
  write_model(Dialect::openai, "a", 5, out);
  EXPECT_EQ(out, R"({"id":"a","object":"model","created":5,"owned_by":"headworks"})");
}

// "a b c, more": the names of a page and whether it says that there are more.
std::string page(std::string_view query, const Names& names = {"a", "b/1", "c", "d", "e"}) {
  const boost::json::object list = boost::json::parse(models(Dialect::anthropic, names, query)).as_object();
  std::string text;
  for (const boost::json::value& model : list.at("data").as_array())
    text += std::string(model.at("id").as_string()) + " ";
  return text + (list.at("has_more").as_bool() ? "more" : "all");
}

TEST(ModelsPage, IsWhatWasAskedFor) {
  EXPECT_EQ(page(""), "a b/1 c d e all");
  EXPECT_EQ(page("limit=1000"), "a b/1 c d e all");
  EXPECT_EQ(page("limit=2"), "a b/1 more");
  EXPECT_EQ(page("limit=2&after_id=b%2F1"), "c d more");
  EXPECT_EQ(page("after_id=d&limit=2"), "e all");
  EXPECT_EQ(page("after_id=e"), "all");
  EXPECT_EQ(page("after_id=unknown"), "all");
  EXPECT_EQ(page("before_id=d&limit=2"), "b/1 c more");
  EXPECT_EQ(page("before_id=c&limit=2"), "a b/1 all");
}

TEST(ModelsPage, WhatCannotBeReadDoesNotCount) {
  for (const char* query : {"limit=0", "limit=-1", "limit=x", "limit=", "limit", "limit=1001",
                            "limit=99999999999999999999", "&&", "=", "x=1", "after_id=", "%", "limit=2x"})
    EXPECT_EQ(page(query), "a b/1 c d e all") << query;
}

TEST(ModelsPage, FollowingThePagesShowsEachModelOnce) {
  Names names;
  for (char name = 'a'; name <= 'z'; ++name) names.emplace_back(1, name);
  std::string seen, after;
  for (int turn = 0; turn < 30; ++turn) {
    const auto list =
        boost::json::parse(models(Dialect::anthropic, names, "limit=7&after_id=" + after)).as_object();
    for (const boost::json::value& model : list.at("data").as_array()) seen += model.at("id").as_string();
    if (!list.at("has_more").as_bool()) break;
    after = list.at("last_id").as_string();
  }
  EXPECT_EQ(seen, "abcdefghijklmnopqrstuvwxyz");
}

TEST(ModelsPage, OpenAisListIsWhole) {
  EXPECT_EQ(models(Dialect::openai, {"a", "b"}, "limit=1"), models(Dialect::openai, {"a", "b"}));
}

}  // namespace
}  // namespace headworks::dialect
