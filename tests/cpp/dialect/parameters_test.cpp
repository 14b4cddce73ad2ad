#include "dialect/parameters.hpp"

#include <gtest/gtest.h>

#include "padded.hpp"

namespace headworks::dialect {
namespace {

std::string changed(std::string_view body, std::vector<Parameter> set, std::vector<std::string> drop) {
  json::JsonReader reader;
  std::string padded(body);
  padded.reserve(padded.size() + json::kPadding);
  const auto result = change_parameters(reader, padded, set, drop);
  return result ? *result : "error " + std::string(base::code_of(result.error().kind));
}

TEST(Parameters, AreDroppedAndSetAndNothingElseChanges) {
  const std::string_view body = R"({"model": "m", "temperature":0.20, "logit_bias":{"1":[2,3]},"user":"\u00e9" })";
  EXPECT_EQ(changed(body, {}, {}), R"({"model": "m","temperature":0.20,"logit_bias":{"1":[2,3]},"user":"\u00e9"})");
  EXPECT_EQ(changed(body, {}, {"logit_bias", "absent"}), R"({"model": "m","temperature":0.20,"user":"\u00e9"})");
  EXPECT_EQ(changed(body, {{"temperature", "1"}, {"top_k", "40"}}, {"user", "model", "logit_bias"}),
            R"({"temperature":1,"top_k":40})");
  EXPECT_EQ(changed(" {} ", {{"a", "[1]"}}, {}), R"({"a":[1]})");
  EXPECT_EQ(changed(R"({"only":1})", {}, {"only"}), "{}");
  EXPECT_EQ(changed(R"({"us\u0065r":1,"b":2})", {}, {"user"}), R"({"b":2})") << "an escaped name is the same name";
}

TEST(Parameters, WhatIsNoObjectIsRefused) {
  EXPECT_EQ(changed("[1]", {}, {}), "error invalid_json");
  EXPECT_EQ(changed(R"({"a":)", {}, {}), "error invalid_json");
}

}  // namespace
}  // namespace headworks::dialect
