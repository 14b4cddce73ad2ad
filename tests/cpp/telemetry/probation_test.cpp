#include "telemetry/probation.hpp"

#include <gtest/gtest.h>

#include <chrono>

namespace headworks::telemetry {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

constexpr base::TimePoint kNow{std::chrono::hours{100}};
constexpr Probation::Bound kBound{.lasts = minutes{5}, .worse_by = 0.2, .least = 20};

ExchangeRecord exchange(std::uint64_t revision, std::string_view pool, std::optional<base::ErrorKind> error = {}) {
  ExchangeRecord record;
  record.revision = revision;
  record.error = error;
  if (pool.empty()) return record;
  AttemptRecord attempt;
  attempt.pool = pool;
  attempt.error = error;
  record.attempts.push_back(attempt);
  return record;
}

// `failed` of `of`.
void note(Probation& probation, std::uint64_t revision, int failed, int of, base::TimePoint at,
          base::ErrorKind kind = base::ErrorKind::upstream_error) {
  for (int number = 0; number < of; ++number)
    probation.note(exchange(revision, "primary", number < failed ? std::optional(kind) : std::nullopt), at);
}

TEST(Probation, AChangeThatMakesThingsWorseIsFoundOnce) {
  Probation probation;
  note(probation, 6, 1, 100, kNow - minutes{1});
  probation.begin(7, {"primary"}, kBound, kNow);
  note(probation, 7, 9, 19, kNow + seconds{1});
  EXPECT_FALSE(probation.find_worse(kNow + seconds{1})) << "too few to prove anything";
  note(probation, 7, 1, 1, kNow + seconds{2});
  const auto worse = probation.find_worse(kNow + seconds{2});
  ASSERT_TRUE(worse);
  EXPECT_EQ(worse->revision, 7u);
  EXPECT_EQ(worse->pool, "primary");
  EXPECT_EQ(worse->failed, 10u);
  EXPECT_NEAR(worse->before, 0.01, 1e-9);
  EXPECT_NEAR(worse->after, 0.5, 1e-9);
  EXPECT_FALSE(probation.find_worse(kNow + seconds{3}));
}

TEST(Probation, WhatWasBadBeforeIsNotTheChangesFault) {
  Probation probation;
  note(probation, 6, 50, 100, kNow - minutes{1});
  probation.begin(7, {"primary"}, kBound, kNow);
  note(probation, 7, 60, 100, kNow + seconds{1});
  EXPECT_FALSE(probation.find_worse(kNow + seconds{1}));
}

TEST(Probation, ExchangesThatBeganBeforeTheChangeCountAsBefore) {
  Probation probation;
  probation.begin(7, {"primary"}, kBound, kNow);
  note(probation, 6, 100, 100, kNow + seconds{1});
  EXPECT_FALSE(probation.find_worse(kNow + seconds{1}));
}

TEST(Probation, RequestsThatNoPoolGotCountToo) {
  Probation probation;
  note(probation, 6, 0, 50, kNow - minutes{1});
  probation.begin(7, {"fallback"}, kBound, kNow);
  for (int number = 0; number < 20; ++number)
    probation.note(exchange(7, "", base::ErrorKind::model_not_found), kNow + seconds{1});
  const auto worse = probation.find_worse(kNow + seconds{1});
  ASSERT_TRUE(worse);
  EXPECT_EQ(worse->pool, "");
}

TEST(Probation, AClientsOwnErrorsAndOtherPoolsProveNothing) {
  Probation probation;
  probation.begin(7, {"fallback"}, kBound, kNow);
  note(probation, 7, 50, 50, kNow + seconds{1}, base::ErrorKind::client_closed);
  EXPECT_FALSE(probation.find_worse(kNow + seconds{1}));
}

TEST(Probation, WhenItsTimeIsUpTheChangeHasPassed) {
  Probation probation;
  probation.begin(7, {"primary"}, kBound, kNow);
  EXPECT_TRUE(probation.running(kNow + minutes{5} - seconds{1}));
  note(probation, 7, 50, 50, kNow + minutes{5});
  EXPECT_FALSE(probation.find_worse(kNow + minutes{5}));
}

TEST(Probation, TheNextChangeIsComparedWithWhatTheOneBeforeBrought) {
  Probation probation;
  note(probation, 6, 0, 100, kNow - minutes{1});
  probation.begin(7, {"primary"}, kBound, kNow);
  note(probation, 7, 19, 19, kNow + seconds{1});
  probation.begin(8, {"primary"}, kBound, kNow + seconds{2});
  note(probation, 8, 7, 20, kNow + seconds{3});
  EXPECT_FALSE(probation.find_worse(kNow + seconds{3})) << "35 % after 16 %";
}

}  // namespace
}  // namespace headworks::telemetry
