#include "catalog/rows.hpp"

#include <gtest/gtest.h>

#include "base/random.hpp"
#include "catalog/utc_time.hpp"

namespace headworks::catalog {
namespace {

TEST(Pattern, HoldsAtMostOneStarThatMatchesAnyRun) {
  struct Row {
    const char* pattern;
    const char* name;
    bool expected;
  };
  const Row rows[] = {{"gpt", "gpt", true},    {"gpt", "gpt4", false},      {"*", "", true},
                      {"*", "anything", true}, {"gpt-*", "gpt-", true},     {"gpt-*", "gpt-4o", true},
                      {"gpt-*", "gpt", false}, {"*-mini", "o4-mini", true}, {"a*b", "ab", true},
                      {"a*a", "a", false},     {"a*a", "aa", true},         {"", "", true},
                      {"", "x", false},        {"GPT", "gpt", false}};
  for (const Row& row : rows)
    EXPECT_EQ(matches(row.pattern, row.name), row.expected) << row.pattern << " " << row.name;
}

TEST(Pattern, SubstituteCarriesTheMatchedPartOver) {
  EXPECT_EQ(substitute("qwen-*", "qwen/*", "qwen-72b"), "qwen/72b");
  EXPECT_EQ(substitute("*", "vendor/*", "llama"), "vendor/llama");
  EXPECT_EQ(substitute("qwen-*", "qwen/*", "qwen-"), "qwen/");
  EXPECT_EQ(substitute("qwen-*", "fixed", "qwen-72b"), "fixed");
  EXPECT_EQ(substitute("exact", "target", "exact"), "target");
  EXPECT_EQ(substitute("a*z", "*", "a-middle-z"), "-middle-");
}

TEST(Pattern, WhatAPatternMatchesIsItsOwnSubstitution) {
  base::Random random(7);
  for (int round = 0; round < 2000; ++round) {
    std::string pattern, name;
    for (std::uint64_t left = random.below(6); left > 0; --left)
      pattern += static_cast<char>('a' + random.below(2));
    if (random.below(2) == 0) pattern.insert(random.below(pattern.size() + 1), "*");
    for (std::uint64_t left = random.below(8); left > 0; --left)
      name += static_cast<char>('a' + random.below(2));
    if (matches(pattern, name)) {
      EXPECT_EQ(substitute(pattern, pattern, name), name) << pattern;
    }
  }
}

TEST(Names, AreFoundAgain) {
  for (const std::string_view name : api_names()) EXPECT_EQ(name_of(find_api(name).value()), name);
  for (const std::string_view name : backend_status_names())
    EXPECT_EQ(name_of(find_backend_status(name).value()), name);
  EXPECT_FALSE(find_api("OpenAI"));
  EXPECT_FALSE(find_backend_status(""));
}

TEST(UtcTime, IsReadAndWrittenInOneForm) {
  const base::WallTime at{std::chrono::seconds{1'769'851'800}};
  EXPECT_EQ(format_utc(at), "2026-01-31T09:30:00Z");
  EXPECT_EQ(format_utc(at + std::chrono::milliseconds{999}), "2026-01-31T09:30:00Z");
  EXPECT_EQ(parse_utc("2026-01-31T09:30:00Z"), at);
  EXPECT_EQ(format_utc(base::WallTime{}), "1970-01-01T00:00:00Z");
  EXPECT_EQ(parse_utc("2024-02-29T00:00:00Z"), base::WallTime{std::chrono::seconds{1'709'164'800}});
}

TEST(UtcTime, RefusesWhatIsNotAMoment) {
  for (const char* text :
       {"", "2026-01-31", "2026-01-31T09:30:00", "2026-01-31T09:30:00+00:00", "2026-01-31 09:30:00Z",
        "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z", "2026-01-31T24:00:00Z",
        "2026-01-31T09:60:00Z", "2026-01-31T09:30:60Z", "2026-01-31t09:30:00z", "2026-01-31T09:30:00.5Z",
        "9999-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "+026-01-31T09:30:00Z"})
    EXPECT_FALSE(parse_utc(text)) << text;
}

TEST(Backend, CopyIsTheSameInEveryField) {
  Backend row;
  row.id = "bkd_1", row.name = "n", row.label = "l", row.api_base_url = "u", row.api_key = base::Secret("k");
  row.api_key_hint = "h", row.key_state = KeyState::readable, row.api = Api::anthropic,
  row.timeout_seconds = 1.5;
  row.rpm_limit = 1, row.tpm_limit = 2, row.max_in_flight = 3, row.weight = 4, row.pool = "p",
  row.enabled = false;
  row.status = BackendStatus::error, row.model_mappings = {{"a", "b", 5, "{}"}}, row.source = "s";
  row.cooldown_until = "c", row.consecutive_429_count = 6, row.metadata_json = "{\"a\":1}",
  row.created_at = "x";
  row.updated_at = "y";
  const Backend twin = row.copy();
  EXPECT_EQ(twin.id + twin.name + twin.label + twin.api_base_url + twin.api_key_hint, "bkd_1nluh");
  EXPECT_EQ(twin.api_key.reveal(), "k");
  EXPECT_EQ(twin.key_state, KeyState::readable);
  EXPECT_EQ(twin.api, Api::anthropic);
  EXPECT_EQ(twin.timeout_seconds, 1.5);
  EXPECT_EQ(twin.rpm_limit + twin.tpm_limit * 10 + twin.max_in_flight * 100 + twin.weight * 1000, 4321u);
  EXPECT_EQ(twin.pool + twin.source + *twin.cooldown_until + twin.metadata_json, "psc{\"a\":1}");
  EXPECT_FALSE(twin.enabled);
  EXPECT_EQ(twin.status, BackendStatus::error);
  EXPECT_EQ(twin.model_mappings.at(0).context_tokens, 5u);
  EXPECT_EQ(twin.consecutive_429_count, 6);
  EXPECT_EQ(twin.created_at + twin.updated_at, "xy");
}

}  // namespace
}  // namespace headworks::catalog
