#include "wire/retry_after.hpp"

#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "wire/date.hpp"

namespace headworks::wire {
namespace {

using namespace std::chrono_literals;
using base::Duration;
using base::WallTime;

// 2026-01-31 09:30:00 UTC
constexpr WallTime kNow{std::chrono::seconds{1'769'851'800}};
constexpr auto kNone = std::optional<Duration>{};

using Lines = std::vector<std::pair<std::string, std::string>>;

std::optional<Duration> hint_of(const Lines& lines) {
  Fields fields;
  for (const auto& [name, value] : lines) fields.push_back(Field{name, value, traits_of(name)});
  return find_retry_after(fields, kNow);
}

struct Row {
  const char* why;
  Lines lines;
  std::optional<Duration> expected;
};

void PrintTo(const Row& row, std::ostream* out) { *out << row.why; }

class RetryAfter : public ::testing::TestWithParam<Row> {};

TEST_P(RetryAfter, IsReadAsItIsMeant) {
  const auto hint = hint_of(GetParam().lines);
  ASSERT_EQ(hint.has_value(), GetParam().expected.has_value()) << GetParam().why;
  if (!hint) return;
  EXPECT_NEAR(static_cast<double>(hint->count()), static_cast<double>(GetParam().expected->count()), 1e3);
}

INSTANTIATE_TEST_SUITE_P(
    Seconds, RetryAfter,
    ::testing::Values(
        Row{"whole seconds", {{"retry-after", "7"}}, 7s}, Row{"zero", {{"retry-after", "0"}}, 0s},
        Row{"a fraction", {{"Retry-After", "0.25"}}, 250ms},
        Row{"leading zeros", {{"RETRY-AFTER", "007"}}, 7s}, Row{"an hour", {{"retry-after", "3600"}}, 1h},
        Row{"milliseconds", {{"retry-after-ms", "1500"}}, 1500ms},
        Row{"a fraction of them", {{"retry-after-ms", "0.5"}}, 500us},
        Row{"milliseconds win", {{"retry-after", "7"}, {"retry-after-ms", "3000"}}, 3s},
        Row{"in any order", {{"retry-after-ms", "3000"}, {"retry-after", "7"}}, 3s},
        Row{"unless they are garbage", {{"retry-after-ms", "soon"}, {"retry-after", "7"}}, 7s}));

INSTANTIATE_TEST_SUITE_P(
    Dates, RetryAfter,
    ::testing::Values(
        Row{"IMF-fixdate against our clock", {{"retry-after", "Sat, 31 Jan 2026 09:30:30 GMT"}}, 30s},
        Row{"RFC 850", {{"retry-after", "Saturday, 31-Jan-26 09:31:00 GMT"}}, 60s},
        Row{"asctime", {{"retry-after", "Sat Jan 31 09:30:10 2026"}}, 10s},
        Row{"asctime with a blank in the day", {{"retry-after", "Sun Feb  1 09:30:00 2026"}}, 24h},
        Row{"in the past", {{"retry-after", "Sat, 31 Jan 2026 09:29:00 GMT"}}, -60s},
        Row{"against the upstream's own clock, which is an hour behind",
            {{"date", "Sat, 31 Jan 2026 08:30:00 GMT"}, {"retry-after", "Sat, 31 Jan 2026 08:30:20 GMT"}},
            20s},
        Row{"a Date that cannot be read does not count",
            {{"date", "today"}, {"retry-after", "Sat, 31 Jan 2026 09:30:20 GMT"}},
            20s},
        Row{"more than a year away", {{"retry-after", "Sat, 31 Jan 2028 09:30:20 GMT"}}, kNone},
        Row{"another zone", {{"retry-after", "Sat, 31 Jan 2026 09:30:30 CET"}}, kNone},
        Row{"no such day", {{"retry-after", "Sat, 31 Feb 2026 09:30:30 GMT"}}, kNone},
        Row{"no such hour", {{"retry-after", "Sat, 31 Jan 2026 24:30:30 GMT"}}, kNone},
        Row{"something behind it", {{"retry-after", "Sat, 31 Jan 2026 09:30:30 GMT;x"}}, kNone}));

INSTANTIATE_TEST_SUITE_P(
    Garbage, RetryAfter,
    ::testing::Values(
        Row{"nothing", {}, kNone}, Row{"empty", {{"retry-after", ""}}, kNone},
        Row{"negative", {{"retry-after", "-1"}}, kNone}, Row{"a sign", {{"retry-after", "+1"}}, kNone},
        Row{"inf", {{"retry-after", "inf"}}, kNone}, Row{"nan", {{"retry-after", "nan"}}, kNone},
        Row{"1e400", {{"retry-after", "1e400"}}, kNone}, Row{"1e3", {{"retry-after", "1e3"}}, kNone},
        Row{"hex", {{"retry-after", "0x10"}}, kNone}, Row{"a list", {{"retry-after", "1, 2"}}, kNone},
        Row{"a dot", {{"retry-after", "."}}, kNone}, Row{"two dots", {{"retry-after", "1.2.3"}}, kNone},
        Row{"a unit", {{"retry-after", "5s"}}, kNone},
        Row{"4 KB of digits", {{"retry-after", std::string(4096, '9')}}, kNone},
        Row{"4 KB of zeros", {{"retry-after", std::string(4096, '0')}}, kNone},
        Row{"more than a year", {{"retry-after", "99999999"}}, kNone},
        Row{"2^64 milliseconds", {{"retry-after-ms", "18446744073709551616"}}, kNone},
        Row{"negative milliseconds", {{"retry-after-ms", "-5"}}, kNone}));

Lines used_up(const char* reset) {
  return {{"x-ratelimit-remaining-requests", "0"}, {"x-ratelimit-reset-requests", reset}};
}

INSTANTIATE_TEST_SUITE_P(
    Resets, RetryAfter,
    ::testing::Values(
        Row{"minutes and seconds", used_up("6m0s"), 6min}, Row{"seconds", used_up("1s"), 1s},
        Row{"milliseconds", used_up("12ms"), 12ms}, Row{"a fraction", used_up("2m59.56s"), 179'560ms},
        Row{"hours", used_up("1h2m3s"), 3723s}, Row{"days", used_up("1d"), 24h},
        Row{"microseconds", used_up("500us"), 500us}, Row{"plain seconds", used_up("55"), 55s},
        Row{"Unix seconds", used_up("1769851810"), 10s},
        Row{"Unix milliseconds", used_up("1769851810500"), 10'500ms},
        Row{"a date", used_up("2026-01-31T09:30:05Z"), 5s},
        Row{"a date with an offset", used_up("2026-01-31T10:30:05.5+01:00"), 5500ms},
        Row{"no number before the unit", used_up("s"), kNone}, Row{"no such unit", used_up("5x"), kNone},
        Row{"garbage behind", used_up("5s!"), kNone}, Row{"empty", used_up(""), kNone},
        Row{"too large for a time", used_up("99999999999999999999"), kNone},
        Row{"seconds beyond what fits", used_up("90000000000"), kNone},
        Row{"not when something remains",
            {{"x-ratelimit-remaining-requests", "3"}, {"x-ratelimit-reset-requests", "6m0s"}},
            kNone},
        Row{"not without a word on what remains", {{"x-ratelimit-reset-requests", "6m0s"}}, kNone},
        Row{"only the limit that is used up",
            {{"x-ratelimit-remaining-requests", "12"},
             {"x-ratelimit-reset-requests", "6m0s"},
             {"x-ratelimit-remaining-tokens", "0"},
             {"x-ratelimit-reset-tokens", "9s"}},
            9s},
        Row{"the later of two",
            {{"x-ratelimit-remaining-requests", "0"},
             {"x-ratelimit-reset-requests", "3s"},
             {"x-ratelimit-remaining-tokens", "0"},
             {"x-ratelimit-reset-tokens", "9s"}},
            9s},
        Row{"retry-after wins",
            {{"x-ratelimit-remaining-requests", "0"},
             {"x-ratelimit-reset-requests", "6m0s"},
             {"retry-after", "2"}},
            2s},
        Row{"unless it is garbage",
            {{"x-ratelimit-remaining-requests", "0"},
             {"x-ratelimit-reset-requests", "6m0s"},
             {"retry-after", "?"}},
            6min},
        Row{"OpenRouter", {{"X-RateLimit-Remaining", "0"}, {"X-RateLimit-Reset", "1769851860000"}}, 60s},
        Row{"the IETF draft's names", {{"RateLimit-Remaining", "0"}, {"RateLimit-Reset", "30"}}, 30s},
        Row{"Anthropic",
            {{"anthropic-ratelimit-input-tokens-remaining", "0"},
             {"anthropic-ratelimit-input-tokens-reset", "2026-01-31T09:30:42Z"}},
            42s},
        Row{"Anthropic, something remains",
            {{"anthropic-ratelimit-requests-remaining", "49"},
             {"anthropic-ratelimit-requests-reset", "2026-01-31T09:30:42Z"}},
            kNone}));

TEST(Dates, OfHttp) {
  const WallTime expected{std::chrono::seconds{784'111'777}};
  EXPECT_EQ(parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT"), expected);
  EXPECT_EQ(parse_http_date("Sunday, 06-Nov-94 08:49:37 GMT"), expected);
  EXPECT_EQ(parse_http_date("Sun Nov  6 08:49:37 1994"), expected);
  for (const char* text :
       {"", "Sun", "Sun, 6 Nov 1994 08:49:37 GMT", "Sun, 06 nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 8:49:37 GMT", "Sun, 06 Nov 1994 08:49:37", "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 9994 08:49:37 GMT", "Sun, 06 Nov 1994 08:60:37 GMT", "06 Nov 1994 08:49:37 GMT"})
    EXPECT_EQ(parse_http_date(text), std::nullopt) << text;
}

TEST(Dates, OfRfc3339) {
  const WallTime expected{std::chrono::seconds{784'111'777}};
  EXPECT_EQ(parse_rfc3339("1994-11-06T08:49:37Z"), expected);
  EXPECT_EQ(parse_rfc3339("1994-11-06t09:49:37.000+01:00"), expected);
  EXPECT_EQ(parse_rfc3339("1994-11-05 23:19:37-09:30"), expected);
  EXPECT_EQ(parse_rfc3339("1994-11-06T08:49:37.123456789123Z"), expected + 123'456'789ns);
  for (const char* text :
       {"", "1994-11-06", "1994-11-06T08:49:37", "1994-13-06T08:49:37Z", "1994-02-30T08:49:37Z",
        "1994-11-06T08:49:37.Z", "1994-11-06T08:49:37+1:00", "1994-11-06T08:49:37Z ", "94-11-06T08:49:37Z",
        "1994-11-06T08:49:37+99:00", "1994-11-06T25:49:37Z"})
    EXPECT_EQ(parse_rfc3339(text), std::nullopt) << text;
}

}  // namespace
}  // namespace headworks::wire
