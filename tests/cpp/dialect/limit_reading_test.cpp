// 429 answers as providers send them, and as nobody should: for how long, and what is limited.
#include "dialect/limit_reading.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/random.hpp"
#include "dialect/refusal.hpp"

namespace headworks::dialect {
namespace {

constexpr base::WallTime kWall{std::chrono::seconds{1'700'000'000}};  // Tue, 14 Nov 2023 22:13:20 GMT
constexpr double kNone = -1e9;

using Lines = std::vector<std::pair<std::string_view, std::string_view>>;

struct Row {
  std::string_view name;
  Lines head;
  std::string_view body;
  double seconds;  // kNone: no hint
  LimitSource source;
  LimitScope scope;
};

wire::Fields fields_of(const Lines& lines) {
  wire::Fields fields;
  for (const auto& [name, value] : lines) fields.push_back({name, value, wire::traits_of(name)});
  return fields;
}

constexpr LimitSource none = LimitSource::none, header = LimitSource::header, body = LimitSource::body;
constexpr LimitScope backend = LimitScope::backend, model = LimitScope::model, address = LimitScope::address,
                     quota = LimitScope::quota;

const std::string kDigits(4096, '9');

const Row kRows[] = {
    // retry-after and its relatives
    {"seconds", {{"retry-after", "7"}}, "", 7, header, backend},
    {"zero", {{"retry-after", "0"}}, "", 0, header, backend},
    {"a fraction", {{"Retry-After", "1.5"}}, "", 1.5, header, backend},
    {"milliseconds", {{"retry-after-ms", "700"}}, "", 0.7, header, backend},
    {"milliseconds before seconds", {{"retry-after", "30"}, {"retry-after-ms", "700"}}, "", 0.7, header, backend},
    {"unreadable milliseconds, readable seconds", {{"retry-after-ms", "soon"}, {"retry-after", "3"}}, "", 3, header, backend},
    {"IMF date, our clock", {{"retry-after", "Tue, 14 Nov 2023 22:13:50 GMT"}}, "", 30, header, backend},
    {"IMF date, the upstream's clock", {{"date", "Tue, 14 Nov 2023 22:13:40 GMT"}, {"retry-after", "Tue, 14 Nov 2023 22:13:50 GMT"}}, "", 10, header, backend},
    {"RFC 850 date", {{"retry-after", "Tuesday, 14-Nov-23 22:14:20 GMT"}}, "", 60, header, backend},
    {"asctime date", {{"retry-after", "Tue Nov 14 22:13:25 2023"}}, "", 5, header, backend},
    {"a date in the past", {{"retry-after", "Tue, 14 Nov 2023 22:13:10 GMT"}}, "", -10, header, backend},
    {"no blank, no number", {{"retry-after", ""}}, "", kNone, none, backend},
    {"infinity", {{"retry-after", "inf"}}, "", kNone, none, backend},
    {"not a number", {{"retry-after", "nan"}}, "", kNone, none, backend},
    {"negative", {{"retry-after", "-1"}}, "", kNone, none, backend},
    {"an exponent", {{"retry-after", "1e400"}}, "", kNone, none, backend},
    {"4 KiB of digits", {{"retry-after", kDigits}}, "", kNone, none, backend},
    {"hexadecimal", {{"retry-after", "0x10"}}, "", kNone, none, backend},
    {"with a unit", {{"retry-after", "7 seconds"}}, "", kNone, none, backend},
    {"ten years", {{"retry-after", "315360000"}}, "", kNone, none, backend},
    {"nonsense, but the body knows", {{"retry-after", "soon"}}, R"({"error":{"message":"Please try again in 4s."}})", 4, body, backend},
    {"the header before the body", {{"retry-after", "9"}}, R"({"error":{"message":"Please try again in 4s."}})", 9, header, backend},
    // resets of limits
    {"OpenAI requests", {{"x-ratelimit-remaining-requests", "0"}, {"x-ratelimit-reset-requests", "6m0s"}}, "", 360, header, backend},
    {"OpenAI tokens", {{"x-ratelimit-remaining-tokens", "0"}, {"x-ratelimit-reset-tokens", "12ms"}}, "", 0.012, header, backend},
    {"a whole second", {{"x-ratelimit-remaining-requests", "0"}, {"x-ratelimit-reset-requests", "1s"}}, "", 1, header, backend},
    {"hours and fractions", {{"x-ratelimit-remaining-tokens", "0"}, {"x-ratelimit-reset-tokens", "1h2m3.5s"}}, "", 3723.5, header, backend},
    {"something is left: no hint", {{"x-ratelimit-remaining-requests", "5"}, {"x-ratelimit-reset-requests", "6m0s"}}, "", kNone, none, backend},
    {"the later of two that are used up", {{"x-ratelimit-remaining-requests", "0"}, {"x-ratelimit-reset-requests", "2s"}, {"x-ratelimit-remaining-tokens", "0"}, {"x-ratelimit-reset-tokens", "8s"}}, "", 8, header, backend},
    {"only the one that is used up", {{"x-ratelimit-remaining-requests", "0"}, {"x-ratelimit-reset-requests", "2s"}, {"x-ratelimit-remaining-tokens", "90"}, {"x-ratelimit-reset-tokens", "8s"}}, "", 2, header, backend},
    {"OpenRouter, epoch milliseconds", {{"x-ratelimit-remaining", "0"}, {"x-ratelimit-reset", "1700000030000"}}, "", 30, header, backend},
    {"epoch seconds", {{"x-ratelimit-remaining", "0"}, {"x-ratelimit-reset", "1700000012"}}, "", 12, header, backend},
    {"plain seconds", {{"x-ratelimit-remaining", "0"}, {"x-ratelimit-reset", "42"}}, "", 42, header, backend},
    {"the IETF's draft, without x-", {{"ratelimit-remaining", "0"}, {"ratelimit-reset", "50"}}, "", 50, header, backend},
    {"Anthropic, RFC 3339", {{"anthropic-ratelimit-requests-remaining", "0"}, {"anthropic-ratelimit-requests-reset", "2023-11-14T22:13:45Z"}}, "", 25, header, backend},
    {"Anthropic, with an offset", {{"anthropic-ratelimit-tokens-remaining", "0"}, {"anthropic-ratelimit-tokens-reset", "2023-11-14T23:13:45+01:00"}}, "", 25, header, backend},
    {"Anthropic says retry-after too", {{"retry-after", "11"}, {"anthropic-ratelimit-requests-remaining", "0"}, {"anthropic-ratelimit-requests-reset", "2023-11-14T22:13:45Z"}}, R"({"type":"error","error":{"type":"rate_limit_error","message":"This request would exceed your organization's rate limit of 50 requests per minute."}})", 11, header, backend},
    // OpenAI
    {"OpenAI RPM", {}, R"({"error":{"message":"Rate limit reached for gpt-4o in organization org-x on requests per min (RPM): Limit 3, Used 3, Requested 1. Please try again in 20s. Visit https://platform.openai.com/account/rate-limits to learn more.","type":"requests","param":null,"code":"rate_limit_exceeded"}})", 20, body, model},
    {"OpenAI TPM", {{"x-request-id", "req_1"}}, R"({"error":{"message":"Rate limit reached for gpt-4.1 in organization org-x on tokens per min (TPM): Limit 30000, Used 29000, Requested 1500. Please try again in 1.273s.","type":"tokens","code":"rate_limit_exceeded"}})", 1.273, body, model},
    {"OpenAI, minutes and seconds", {}, R"({"error":{"message":"Rate limit reached for o3 in organization org-x on requests per day (RPD): Limit 200. Please try again in 7m12s."}})", 432, body, model},
    {"OpenAI, milliseconds", {}, R"({"error":{"message":"Rate limit reached for gpt-4o. Please try again in 349ms."}})", 0.349, body, model},
    {"OpenAI, the old text", {}, R"({"error":{"message":"Rate limit reached for requests","type":"requests"}})", kNone, none, backend},
    {"OpenAI, no money", {}, R"({"error":{"message":"You exceeded your current quota, please check your plan and billing details.","type":"insufficient_quota","param":null,"code":"insufficient_quota"}})", kNone, none, quota},
    {"OpenAI, the hard limit", {}, R"({"error":{"message":"Billing hard limit has been reached","type":"invalid_request_error","code":"billing_hard_limit_reached"}})", kNone, none, quota},
    {"OpenAI, the engine is overloaded", {}, R"({"error":{"message":"The engine is currently overloaded, please try again later","type":"server_error"}})", kNone, none, backend},
    // Others
    {"Azure OpenAI", {}, R"({"error":{"code":"429","message":"Requests to the ChatCompletions_Create Operation under Azure OpenAI API version 2024-02-01 have exceeded token rate limit of your current OpenAI S0 pricing tier. Please retry after 26 seconds."}})", 26, body, backend},
    {"Azure OpenAI with a header", {{"retry-after", "26"}, {"x-ratelimit-reset-requests", "26"}}, R"({"error":{"code":"429","message":"... Please retry after 26 seconds."}})", 26, header, backend},
    {"Groq", {{"retry-after", "2"}, {"x-ratelimit-remaining-tokens", "0"}, {"x-ratelimit-reset-tokens", "7.66s"}}, R"({"error":{"message":"Rate limit reached for model `llama-3.3-70b-versatile` in organization `org_01` service tier `on_demand` on tokens per minute (TPM): Limit 12000, Used 11000, Requested 2000. Please try again in 5.0s.","type":"tokens","code":"rate_limit_exceeded"}})", 2, header, model},
    {"Groq without the header", {}, R"({"error":{"message":"Rate limit reached for model `llama3-8b` in organization `org_01` on requests per day (RPD): Limit 14400, Used 14400. Please try again in 1m26.4s."}})", 86.4, body, model},
    {"Mistral", {}, R"({"message":"Requests rate limit exceeded"})", kNone, none, backend},
    {"Mistral with a reset", {{"ratelimitbysize-reset", "12"}, {"ratelimit-remaining", "0"}, {"ratelimit-reset", "12"}}, R"({"object":"error","message":"Requests rate limit exceeded","type":"rate_limited"})", 12, header, backend},
    {"Gemini, per model and minute", {}, R"([{"error":{"code":429,"message":"You exceeded your current quota, please check your plan and billing details. Please retry in 34.07s.","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.QuotaFailure","violations":[{"quotaId":"GenerateRequestsPerMinutePerProjectPerModel-FreeTier"}]},{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"34s"}]}}])", 34, body, model},
    {"Gemini, the project's day", {}, R"({"error":{"code":429,"message":"Quota exceeded for quota metric 'requests' and limit 'requests per day'","status":"RESOURCE_EXHAUSTED"}})", kNone, none, quota},
    {"OpenRouter, free models per day", {{"x-ratelimit-remaining", "0"}, {"x-ratelimit-reset", "1700006400000"}}, R"({"error":{"message":"Rate limit exceeded: free-models-per-day. Add 10 credits to unlock 1000 free model requests per day","code":429}})", 6400, header, quota},
    {"OpenRouter, a provider behind it", {}, R"({"error":{"message":"Provider returned error","code":429,"metadata":{"raw":"qwen/qwen3 is temporarily rate-limited upstream. Please retry shortly."}}})", kNone, none, backend},
    {"Together", {{"x-ratelimit-remaining", "0"}, {"x-ratelimit-reset", "1"}}, R"({"error":{"message":"You have been rate limited. Your rate limit is 60 queries per minute.","type":"credit_limit"}})", 1, header, backend},
    {"Fireworks", {}, R"({"error":{"object":"error","type":"invalid_request_error","code":"rate_limit_exceeded","message":"Rate limit exceeded, please try again later"}})", kNone, none, backend},
    {"DeepSeek, no balance", {}, R"({"error":{"message":"Insufficient Balance","type":"unknown_error","code":"invalid_request_error"}})", kNone, none, quota},
    {"NVIDIA NIM", {}, R"({"status":429,"title":"Too Many Requests"})", kNone, none, backend},
    {"vLLM behind a limiter", {{"retry-after", "1"}}, R"({"object":"error","message":"Too many requests","type":"RateLimitError","code":429})", 1, header, backend},
    {"Anthropic, credits", {}, R"({"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low to access the Anthropic API."}})", kNone, none, quota},
    {"Bedrock-like, a model", {}, R"({"message":"Too many tokens, please wait before trying again. Limit reached for model anthropic.claude-v2 in this region."})", kNone, none, model},
    {"Cohere trial", {}, R"({"message":"You are using a Trial key, which is limited to 10 API calls / minute. You can continue to use the Trial key for free or upgrade."})", kNone, none, backend},
    {"LiteLLM in front", {}, R"({"error":{"message":"No deployments available for selected model, Try again in 5 seconds. Passed model=gpt-4","type":"None","code":"429"}})", 5, body, backend},
    {"Headworks in front", {{"retry-after", "4"}, {"retry-after-ms", "3250"}}, R"({"error":{"message":"All backends of this model are at their limit.","type":"rate_limit_error","code":"all_backends_limited"}})", 3.25, header, backend},
    // Our address
    {"Cloudflare 1015", {{"content-type", "text/html"}, {"retry-after", "30"}}, "<html><title>Access denied | api.example used Cloudflare to restrict access</title>Error 1015 You are being rate limited</html>", 30, header, address},
    {"Cloudflare 1015, plain", {}, "error code: 1015", kNone, none, address},
    {"too many from this IP", {}, R"({"error":"Too many requests from this IP, please try again after 15 minutes"})", 900, body, address},
    {"the IP address", {}, R"({"error":{"message":"Rate limit exceeded for IP address 203.0.113.7. Retry in 10s"}})", 10, body, address},
    // Members of a JSON body
    {"retry_after", {}, R"({"message":"You are being rate limited.","retry_after":2.5,"global":false})", 2.5, body, backend},
    {"retry_after as text", {}, R"({"error":{"retry_after":"12"}})", 12, body, backend},
    {"retry_after_ms", {}, R"({"error":{"retry_after_ms": 250}})", 0.25, body, backend},
    {"retryAfter", {}, R"({"retryAfter":60})", 60, body, backend},
    {"null", {}, R"({"retry_after":null,"message":"later"})", kNone, none, backend},
    // Words
    {"in 7 minutes", {}, "Please try again in 7 minutes.", 420, body, backend},
    {"in 2 hours", {}, "try again in 2 hours", 7200, body, backend},
    {"after one day", {}, "Please try again after 1 day", 86'400, body, backend},
    {"a sentence ends behind the number", {}, "Retry after 30.", 30, body, backend},
    {"no number", {}, "Please try again in a moment.", kNone, none, backend},
    {"a huge number", {}, "try again in 99999999999999999999s", kNone, none, backend},
    {"nginx's page", {{"content-type", "text/html"}}, "<html>\r\n<head><title>429 Too Many Requests</title></head>\r\n</html>", kNone, none, backend},
    {"no body at all", {}, "", kNone, none, backend},
    {"truncated JSON", {}, R"({"error":{"message":"Please try again in 6)", 6, body, backend},
    {"capitals", {}, R"({"error":{"message":"PLEASE TRY AGAIN IN 3S"}})", 3, body, backend},
};

TEST(LimitReading, SaysForHowLongAndWhatIsLimited) {
  EXPECT_GE(std::size(kRows), 60U);
  for (const Row& row : kRows) {
    const LimitReading reading = read_limit(fields_of(row.head), row.body, kWall);
    EXPECT_EQ(reading.after.has_value(), row.seconds != kNone) << row.name;
    if (reading.after) {
      EXPECT_NEAR(std::chrono::duration<double>(*reading.after).count(), row.seconds, 1e-6) << row.name;
    }
    EXPECT_EQ(reading.source, row.source) << row.name;
    EXPECT_EQ(name_of(reading.scope), name_of(row.scope)) << row.name;
  }
}

TEST(LimitReading, AnyBytesGiveNoMoreThanAYear) {
  base::Random random(7);
  static constexpr std::string_view kWords[] = {"try again in ", "retry after ", "\"retry_after\":", "9", "1e9", ".", "s",
                                                "ms",            "\"",           "{",                " ", "-", "rate limit reached for "};
  for (int round = 0; round < 20'000; ++round) {
    std::string text;
    for (std::uint64_t words = random.below(12); words > 0; --words) {
      if (random.below(4) == 0) text += static_cast<char>(random.below(256));
      else text += kWords[random.below(std::size(kWords))];
    }
    const LimitReading reading = read_limit(fields_of({{"retry-after", text}}), text, kWall);
    if (reading.after) {
      EXPECT_LE(*reading.after, std::chrono::hours{24 * 367});
    }
  }
}

TEST(Refusal, KnowsTheTwoThatDecideWhatComesNext) {
  struct Said {
    std::string_view body;
    Refusal refusal;
  };
  const Said rows[] = {
      {R"({"error":{"message":"This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens.","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}})", Refusal::context_too_long},
      {R"({"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 210000 tokens > 200000 maximum"}})", Refusal::context_too_long},
      {R"({"object":"error","message":"The model's context window is 4096 tokens","code":400})", Refusal::context_too_long},
      {R"({"error":{"code":"content_filter","message":"The response was filtered due to the prompt triggering Azure OpenAI's content management policy.","innererror":{"code":"ResponsibleAIPolicyViolation"}}})", Refusal::content_filter},
      {R"({"error":{"code":"content_policy_violation","message":"Your request was rejected by our safety system."}})", Refusal::content_filter},
      {R"({"error":{"message":"Invalid value for temperature","type":"invalid_request_error"}})", Refusal::other},
      {"", Refusal::other},
  };
  for (const Said& row : rows) EXPECT_EQ(read_refusal(row.body), row.refusal) << row.body;
}

}  // namespace
}  // namespace headworks::dialect
