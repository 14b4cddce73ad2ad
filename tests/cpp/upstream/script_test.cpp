// What a script may say, and how a wrong one is refused.
#include "upstream/script.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "upstream/base64.hpp"

namespace headworks::upstream {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(Script, AnEmptyObjectIsAHealthyProvider) {
  const auto script = parse_script("{}");
  ASSERT_TRUE(script.has_value());
  EXPECT_TRUE(script->rules.empty());
  EXPECT_GT(script->journal.entries, 0u);
}

TEST(Script, ABareListIsItsRules) {
  const auto script =
      parse_script(R"([{"path":"/v1","times":2,"status":429,"headers":{"retry-after":7,"x":["a","b"]}}])");
  ASSERT_TRUE(script.has_value()) << script.error().message;
  ASSERT_EQ(script->rules.size(), 1u);
  const Rule& rule = script->rules[0];
  EXPECT_EQ(rule.times, 2u);
  EXPECT_EQ(rule.answer.status, 429);
  ASSERT_EQ(rule.answer.headers.size(), 3u);
  EXPECT_EQ(rule.answer.headers[0].value, "7");
  EXPECT_EQ(rule.answer.headers[2].value, "b");
}

TEST(Script, EveryMemberIsRead) {
  const auto script = parse_script(R"({
    "rate_limit": {"rpm": 40, "window": "bucket", "seconds": 1.5},
    "journal": false,
    "accept": {"do": "reset", "times": 3},
    "rules": [{"method": "POST", "key": "k", "model": "m", "nth": 3, "delay_ms": 5, "interim": [100, 103],
      "framing": "chunked", "close": "silent", "extra": "x", "stale": "reset", "ids": "fixed",
      "text": "a b", "usage": {"input": 1, "output": 2, "cached": 3}, "send_usage": "always",
      "drip": {"bytes": 2, "every_ms": 3, "head": true},
      "stream": {"events": 5, "event_bytes": 300, "per_second": 50, "first_event_ms": 9, "final": false,
                 "done": false, "stamp": true, "always": true},
      "fault": {"at": "event", "do": "end", "after": 4}, "rate_limit": {"rpm": 0}}]})");
  ASSERT_TRUE(script.has_value()) << script.error().message;
  EXPECT_EQ(script->limit->window, Window::bucket);
  EXPECT_EQ(script->limit->period, std::chrono::milliseconds(1500));
  EXPECT_EQ(script->journal.entries, 0u);
  EXPECT_EQ(script->accept.action, AcceptAction::reset);
  const Answer& answer = script->rules[0].answer;
  EXPECT_EQ(answer.interim, (std::vector<std::uint16_t>{100, 103}));
  EXPECT_EQ(answer.framing, Framing::chunked);
  EXPECT_EQ(answer.close, CloseAfter::silent);
  EXPECT_EQ(answer.stale, Stale::reset);
  EXPECT_FALSE(answer.counted_ids);
  EXPECT_EQ(answer.usage->cached, 3u);
  EXPECT_TRUE(answer.drip->head);
  EXPECT_EQ(answer.stream.events, 5u);
  EXPECT_FALSE(answer.stream.final_event);
  EXPECT_EQ(answer.fault->how, Cut::end);
  EXPECT_EQ(script->rules[0].limit->rpm, 0u);
}

struct Wrong {
  const char* script;
  const char* message;
};

class WrongScript : public ::testing::TestWithParam<Wrong> {};

TEST_P(WrongScript, IsRefusedWithThePathOfTheMistake) {
  const auto script = parse_script(GetParam().script);
  ASSERT_FALSE(script.has_value());
  EXPECT_EQ(script.error().kind, base::ErrorKind::invalid_configuration);
  EXPECT_THAT(script.error().message, StartsWith(GetParam().message));
}

INSTANTIATE_TEST_SUITE_P(
    Table, WrongScript,
    ::testing::Values(Wrong{"{", "the script is not JSON"}, Wrong{"7", "$: must be an object"},
                      Wrong{R"({"rule":[]})",
                            "$.rule: is not known here; known are: rules, rate_limit, journal, accept"},
                      Wrong{R"({"rules":{}})", "$.rules: must be a list"},
                      Wrong{R"([{"status":1000}])", "$[0].status: must be a whole number from 0 to 999"},
                      Wrong{R"([{},{"stats":200}])", "$[1].stats: is not known here"},
                      Wrong{R"([{"fault":{"at":"nowhere"}}])",
                            R"($[0].fault.at: must be one of "request", "head", "body", "event")"},
                      Wrong{R"([{"fault":{"at":"body","do":"end"}}])", "$[0].fault.do"},
                      Wrong{R"([{"body":"a","json":{}}])", "$[0]: has more than one of"},
                      Wrong{R"([{"raw_base64":"*"}])", "$[0].raw_base64: is not base64"},
                      Wrong{R"([{"times":0}])", "$[0].times: must be a whole number from 1"},
                      Wrong{R"([{"interim":[200]}])", "$[0].interim: must hold 1xx"},
                      Wrong{R"([{"early":true,"model":"m"}])", "$[0].model"},
                      Wrong{R"([{"rate_limit":{}}])", "$[0].rate_limit.rpm: is required"},
                      Wrong{R"([{"stream":{"per_second":-1}}])", "$[0].stream.per_second: must be a number"},
                      Wrong{R"([{"headers":{"a":{}}}])", "$[0].headers.a: must be a string"}));

TEST(Base64, GoesThereAndBack) {
  for (const std::string_view bytes : {"", "a", "ab", "abc", "\xff\xfe\x00x"}) {
    EXPECT_EQ(parse_base64(format_base64(bytes)), bytes);
  }
  EXPECT_EQ(format_base64("ab"), "YWI=");
  EXPECT_EQ(parse_base64("YWI"), "ab");
  EXPECT_FALSE(parse_base64("a"));
}

TEST(Utf8, IsToldFromOtherBytes) {
  for (const char* good : {"", "plain", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80"})
    EXPECT_TRUE(is_utf8(good));
  for (const char* bad :
       {"\xff", "\xc0\xaf", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xc3", "\x80"}) {
    EXPECT_FALSE(is_utf8(bad));
  }
}

}  // namespace
}  // namespace headworks::upstream
