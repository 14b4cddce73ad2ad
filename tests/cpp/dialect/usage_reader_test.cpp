#include "dialect/usage_reader.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <string>

namespace headworks::dialect {
namespace {

std::optional<base::Usage> usage_of(std::string_view text) {
  base::Usage usage;
  if (!read_usage(text, usage)) return std::nullopt;
  return usage;
}

TEST(UsageReader, ReadsOpenAisChat) {
  const auto usage =
      usage_of(R"({"id":"x",)"
               R"("choices":[{"message":{"content":"\"usage\":{\"prompt_tokens\":1}"}}],)"
               R"("usage": {"prompt_tokens": 19,)"
               R"("completion_tokens":10,"total_tokens":29,)"
               R"("prompt_tokens_details":{"cached_tokens":16,"audio_tokens":0},)"
               R"("completion_tokens_details":{"reasoning_tokens":4}},"service_tier":"default"})");
  ASSERT_TRUE(usage);
  EXPECT_EQ(usage->input_tokens, 19u);
  EXPECT_EQ(usage->output_tokens, 10u);
  EXPECT_EQ(usage->cached_input_tokens, 16u);
  EXPECT_EQ(usage->reasoning_tokens, 4u);
  EXPECT_EQ(usage->source, base::UsageSource::none) << "the caller knows whether it is complete";
}

TEST(UsageReader, ReadsOpenAisOtherRoutes) {
  EXPECT_EQ(usage_of(R"({"data":[],"usage":{"prompt_tokens":8,"total_tokens":8}})")->input_tokens, 8u);
  const auto responses =
      usage_of(R"({"usage":{"input_tokens":36,"input_tokens_details":{"cached_tokens":2},)"
               R"("output_tokens":87,"output_tokens_details":{"reasoning_tokens":9},"total_tokens":123}})");
  EXPECT_EQ(responses->input_tokens, 36u);
  EXPECT_EQ(responses->cached_input_tokens, 2u);
  EXPECT_EQ(responses->output_tokens, 87u);
  EXPECT_EQ(responses->reasoning_tokens, 9u);
  EXPECT_EQ(usage_of(R"({"results":[],"usage":{"total_tokens":56}})")->input_tokens, 56u) << "rerank";
}

TEST(UsageReader, ReadsAnthropics) {
  const auto usage =
      usage_of(R"({"type":"message","usage":{"input_tokens":21,"cache_creation_input_tokens":188,)"
               R"("cache_read_input_tokens":40,"output_tokens":393,"service_tier":"standard"}})");
  ASSERT_TRUE(usage);
  EXPECT_EQ(usage->input_tokens, 249u) << "cached ones included";
  EXPECT_EQ(usage->cached_input_tokens, 40u);
  EXPECT_EQ(usage->cache_write_tokens, 188u);
  EXPECT_EQ(usage->output_tokens, 393u);
}

TEST(UsageReader, AnswersNoneRatherThanGuess) {
  for (const char* text :
       {"", "{}", R"({"usage":null})", R"({"usage":{}})", R"({"usage":[1]})", R"({"usage":7})",
        R"({"a":"usage"})", R"({"usage")", R"({"usage":)", R"({"usage":{"prompt_tokens":1)",
        R"({"usage":{"prompt_tokens":-1}})", R"({"usage":{"prompt_tokens":1.5}})",
        R"({"usage":{"prompt_tokens":"7"}})", R"({"usage":{"prompt_tokens":99999999999999999999}})",
        R"({"usage":{"prompt_tokens":07}})", R"({\"usage\":{\"prompt_tokens\":1}})"})
    EXPECT_FALSE(usage_of(text)) << text;
}

TEST(UsageReader, AnotherMemberOfThatNameDoesNotHideIt) {
  EXPECT_EQ(usage_of(R"({"usage":{"prompt_tokens":5},"tools":[{"properties":{"usage":{"type":"object"}}}]})")
                ->input_tokens,
            5u);
  EXPECT_EQ(usage_of(R"({"usage":{"prompt_tokens":5},"usage": null})")->input_tokens, 5u);
}

TEST(UsageReader, FindsItInTheTailOfALongAnswer) {
  const std::string usage = R"("usage":{"prompt_tokens":5,"total_tokens":5})";
  for (const std::size_t before : {0, 1000, 1010, 1020, 5000, 100'000})
    for (const std::size_t behind : {0, 10, 1000, 1010, 1015, 1020, 1030, 9000})
      EXPECT_EQ(usage_of("{\"a\":\"" + std::string(before, 'x') + "\"," + usage + ",\"b\":\"" +
                         std::string(behind, 'y') + "\"}")
                    ->input_tokens,
                5u)
          << before << " " << behind;
  EXPECT_EQ(usage_of(R"(ens":3},"x":1}],)" + usage + "}")->input_tokens, 5u)
      << "the beginning may be cut off";
}

TEST(UsageReader, PartsAreNeverMoreThanTheWhole) {
  const auto usage = usage_of(R"({"usage":{"prompt_tokens":5,"completion_tokens":3,)"
                              R"("prompt_tokens_details":{"cached_tokens":999},)"
                              R"("completion_tokens_details":{"reasoning_tokens":999}}})");
  EXPECT_EQ(usage->cached_input_tokens, 5u);
  EXPECT_EQ(usage->reasoning_tokens, 3u);
  EXPECT_EQ(
      usage_of(R"({"usage":{"prompt_tokens":5,"completion_tokens":18446744073709551615}})")->output_tokens,
      0u);
}

TEST(UsageReader, PartsOfAStreamAddUp) {
  base::Usage usage;
  EXPECT_TRUE(read_usage(R"({"usage":{"input_tokens":10,"output_tokens":1}})", usage));
  EXPECT_TRUE(read_usage(R"({"usage":{"output_tokens":15}})", usage));
  EXPECT_EQ(usage.input_tokens, 10u);
  EXPECT_EQ(usage.output_tokens, 15u);
}

TEST(UsageReader, HostileAnswersCostLinearTime) {
  std::string text;
  for (int i = 0; i < 300'000; ++i) text += R"("usage":{)";
  const auto started = std::chrono::steady_clock::now();
  EXPECT_FALSE(usage_of(text));
  EXPECT_LT(std::chrono::steady_clock::now() - started, std::chrono::seconds(2));
}

}  // namespace
}  // namespace headworks::dialect
