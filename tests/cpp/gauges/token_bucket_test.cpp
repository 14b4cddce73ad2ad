#include "gauges/token_bucket.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <thread>
#include <vector>

#include "base/random.hpp"

namespace headworks::gauges {
namespace {

using base::Duration;
using base::TimePoint;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

constexpr TimePoint kStart{std::chrono::hours{1}};
constexpr Duration kWindow = milliseconds{60'250};

// The definition: a start is admitted when fewer than `limit` net starts lie in the window before it.
struct Model {
  std::size_t limit;
  Duration window;
  std::vector<TimePoint> starts{};  // sorted

  std::size_t inside(TimePoint now) const {
    const auto first = std::upper_bound(starts.begin(), starts.end(), now - window);
    return static_cast<std::size_t>(starts.end() - first);
  }
  bool admits(TimePoint now) const { return inside(now) < limit; }
  TimePoint earliest(TimePoint now) const {
    return admits(now) ? now : starts[starts.size() - limit] + window;
  }
};

std::size_t most_in_any_window(std::vector<TimePoint> starts, Duration window) {
  std::sort(starts.begin(), starts.end());
  std::size_t most = 0;
  for (std::size_t first = 0, last = 0; last < starts.size(); ++last) {
    while (starts[first] + window <= starts[last]) ++first;
    most = std::max(most, last - first + 1);
  }
  return most;
}

TEST(TokenBucket, WithoutALimitAlwaysSaysYes) {
  TokenBucket bucket(0, kWindow);
  for (int i = 0; i < 10'000; ++i) EXPECT_TRUE(bucket.take(kStart));
  EXPECT_EQ(bucket.earliest(kStart), kStart);
  EXPECT_EQ(bucket.level(kStart), 0U);
  EXPECT_TRUE(bucket.recent(kStart).empty());
}

TEST(TokenBucket, AdmitsTheLimitAtOnceAndThenOnePerExpiry) {
  TokenBucket bucket(3, kWindow);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(bucket.take(kStart + seconds{i}));
  EXPECT_FALSE(bucket.take(kStart + seconds{10}));
  EXPECT_EQ(bucket.level(kStart + seconds{10}), 0U);
  EXPECT_EQ(bucket.earliest(kStart + seconds{10}), kStart + kWindow);
  EXPECT_FALSE(bucket.take(kStart + kWindow - nanoseconds{1}));
  EXPECT_TRUE(bucket.take(kStart + kWindow));
  EXPECT_FALSE(bucket.take(kStart + kWindow));
  EXPECT_EQ(bucket.earliest(kStart + kWindow), kStart + seconds{1} + kWindow);
}

TEST(TokenBucket, TimesBetweenMillisecondsAreRoundedSoThatWindowsNeverOverlap) {
  TokenBucket bucket(1, seconds{1});
  const TimePoint first = kStart + nanoseconds{1};
  ASSERT_TRUE(bucket.take(first));
  EXPECT_FALSE(bucket.take(first + seconds{1}));
  const TimePoint earliest = bucket.earliest(first);
  EXPECT_GE(earliest, first + seconds{1});
  EXPECT_LT(earliest, first + seconds{1} + milliseconds{1});
  EXPECT_FALSE(bucket.take(earliest - nanoseconds{1}));
  EXPECT_TRUE(bucket.take(earliest));
}

class TokenBucketProperty : public ::testing::TestWithParam<std::uint64_t> {};

TEST_P(TokenBucketProperty, EqualsTheDefinitionOnRandomSchedulesWithRefunds) {
  base::Random random(GetParam());
  for (int scenario = 0; scenario < 200; ++scenario) {
    const auto limit = static_cast<std::uint32_t>(1 + random.below(12));
    const Duration window = milliseconds{1 + random.below(3000)};
    const bool with_refunds = random.below(2) == 0;
    TokenBucket bucket(limit, window);
    Model model{limit, window};
    std::deque<TokenBucket::Start> refundable;
    TimePoint now = kStart;
    for (int step = 0; step < 300; ++step) {
      const auto half_a_window = static_cast<std::uint64_t>(window / milliseconds{2});
      if (random.below(2) == 0) now += milliseconds{random.below(half_a_window + 2)};
      ASSERT_EQ(bucket.earliest(now), model.earliest(now)) << "scenario " << scenario << " step " << step;
      ASSERT_EQ(bucket.level(now), limit - std::min<std::size_t>(limit, model.inside(now)));
      const auto start = bucket.take(now);
      ASSERT_EQ(start.has_value(), model.admits(now)) << "scenario " << scenario << " step " << step;
      if (start) {
        model.starts.push_back(now);
        if (with_refunds && random.below(3) == 0) refundable.push_back(*start);
      }
      if (!refundable.empty() && random.below(4) == 0) {
        const TokenBucket::Start back = refundable.front();
        refundable.pop_front();
        bucket.refund(back);
        if (back.at + window > now)
          model.starts.erase(std::find(model.starts.begin(), model.starts.end(), back.at));
      }
    }
    EXPECT_LE(most_in_any_window(model.starts, window), limit);
  }
}

TEST_P(TokenBucketProperty, EarliestIsTheMomentAtWhichTakeSucceeds) {
  base::Random random(GetParam());
  TokenBucket bucket(5, kWindow);
  TimePoint now = kStart;
  for (int step = 0; step < 2000; ++step) {
    now += nanoseconds{random.below(20'000'000'000)};
    while (bucket.take(now)) {
      if (random.below(3) == 0) break;
    }
    const TimePoint earliest = bucket.earliest(now);
    if (earliest > now) {
      ASSERT_FALSE(bucket.take(earliest - nanoseconds{1}));
      ASSERT_TRUE(bucket.take(earliest));
      now = earliest;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, TokenBucketProperty, ::testing::Values(1, 2, 3, 4, 5, 6, 7, 8));

TEST(TokenBucket, ReachesTheFullSustainedRate) {
  TokenBucket bucket(40, kWindow);
  std::uint64_t starts = 0;
  for (TimePoint now = kStart; now < kStart + 100 * kWindow; now += milliseconds{50})
    while (bucket.take(now)) ++starts;
  EXPECT_EQ(starts, 40U * 100U);
}

TEST(TokenBucket, ARefundMakesRoomAtOnceWhereverTheStartStandsInTheRing) {
  for (std::size_t which = 0; which < 4; ++which) {
    TokenBucket bucket(4, kWindow);
    std::vector<TokenBucket::Start> starts;
    for (int i = 0; i < 4; ++i) starts.push_back(*bucket.take(kStart + seconds{i}));
    bucket.refund(starts[which]);
    EXPECT_EQ(bucket.level(kStart + seconds{5}), 1U);
    EXPECT_EQ(bucket.earliest(kStart + seconds{5}), kStart + seconds{5});
    EXPECT_TRUE(bucket.take(kStart + seconds{5}));
    EXPECT_FALSE(bucket.take(kStart + seconds{5}));
  }
}

TEST(TokenBucket, ARefundOfAStartOlderThanAWindowChangesNothing) {
  TokenBucket bucket(1, kWindow);
  const auto old = *bucket.take(kStart);
  ASSERT_TRUE(bucket.take(kStart + kWindow));
  bucket.refund(old);
  EXPECT_FALSE(bucket.take(kStart + kWindow + seconds{1}));
}

TEST(TokenBucket, AboveTheExactLimitTheBoundHoldsAndTheRateIsNearlyFull) {
  for (const std::uint32_t limit : {4097U, 10'000U, 100'000U}) {
    TokenBucket bucket(limit, seconds{60});
    std::vector<TimePoint> starts;
    TimePoint now = kStart;
    while (bucket.take(now)) starts.push_back(now);  // a burst of all that it allows
    EXPECT_LE(starts.size(), limit);
    EXPECT_GE(starts.size(), limit - limit / 2000 - 1);
    for (; now < kStart + seconds{240}; now += milliseconds{20})
      while (bucket.take(now)) starts.push_back(now);
    EXPECT_LE(most_in_any_window(starts, seconds{60}), limit);
    EXPECT_GE(starts.size(), std::size_t{limit} * 4 - limit / 100);
    const TimePoint earliest = bucket.earliest(now);
    if (earliest > now) {
      EXPECT_FALSE(bucket.take(earliest - nanoseconds{1}));
      EXPECT_TRUE(bucket.take(earliest));
    }
  }
}

TEST(TokenBucket, RestoreContinuesWhereTheOldOneStopped) {
  TokenBucket before(3, kWindow);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(before.take(kStart + seconds{i}));
  const TimePoint now = kStart + seconds{20};
  TokenBucket same(3, kWindow);
  same.restore(before.recent(now));
  EXPECT_EQ(same.earliest(now), kStart + kWindow);
  EXPECT_FALSE(same.take(now));

  TokenBucket wider(5, kWindow);
  wider.restore(before.recent(now));
  EXPECT_EQ(wider.level(now), 2U);

  TokenBucket narrower(2, kWindow);
  narrower.restore(before.recent(now));
  EXPECT_EQ(narrower.earliest(now), kStart + seconds{1} + kWindow);
  EXPECT_TRUE(narrower.take(kStart + seconds{1} + kWindow));
}

TEST(TokenBucket, RestoresStartsFromBeforeTheClockBegan) {
  TokenBucket bucket(1, kWindow);
  const std::vector<TokenBucket::Starts> starts{{.at = TimePoint{} - seconds{30}}};  // the machine has just booted
  bucket.restore(starts);
  EXPECT_EQ(bucket.earliest(TimePoint{} + seconds{1}), TimePoint{} - seconds{30} + kWindow);
}

TEST(TokenBucket, AGreatRestoredBucketIsAsFullAsItWas) {
  constexpr std::uint32_t kLimit = 100'000;
  TokenBucket before(kLimit, kWindow);
  for (std::uint32_t i = 0; i < kLimit / 2 + 7; ++i) ASSERT_TRUE(before.take(kStart + milliseconds{i / 10}));
  const TimePoint now = kStart + seconds{20};
  const auto starts = before.recent(now);
  EXPECT_LE(starts.size(), TokenBucket::kExactLimit);
  TokenBucket after(kLimit, kWindow);
  after.restore(starts);
  EXPECT_EQ(after.level(now), before.level(now));
  TokenBucket narrower(1000, kWindow);
  narrower.restore(starts);
  EXPECT_EQ(narrower.level(now), 0U);
  std::uint32_t taken = 0;
  while (after.take(now)) ++taken;
  EXPECT_EQ(taken, before.level(now));
}

// Each thread runs its own clock over the same span, so their times interleave in every order.
void hammer(std::uint32_t limit, bool with_refunds) {
  constexpr int kThreads = 8;
  constexpr Duration kShort = milliseconds{50};
  TokenBucket bucket(limit, kShort);
  std::atomic<std::int64_t> tick{0};
  std::vector<std::vector<TimePoint>> taken(kThreads);
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      base::Random random(static_cast<std::uint64_t>(thread) + 1);
      for (int step = 0; step < 20'000; ++step) {
        const std::int64_t shared = tick.fetch_add(1, std::memory_order_relaxed) / 40;
        const TimePoint now = kStart + milliseconds{shared} - milliseconds{random.below(3)};
        const auto start = bucket.take(now);
        if (!start) continue;
        if (with_refunds && random.below(4) == 0) {
          bucket.refund(*start);
        } else {
          taken[static_cast<std::size_t>(thread)].push_back(start->at);
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::vector<TimePoint> all;
  for (const auto& one : taken) all.insert(all.end(), one.begin(), one.end());
  EXPECT_LE(most_in_any_window(all, kShort), limit);
  const std::size_t windows = 8U * 20'000U / 40U / 50U;
  EXPECT_GE(all.size(), std::size_t{limit} * windows * 8 / 10);
}

TEST(TokenBucketThreads, NeverAdmitOneTooMany) {
  hammer(1, false);
  hammer(7, false);
  hammer(64, false);
}

TEST(TokenBucketThreads, NeverAdmitOneTooManyWithRefunds) {
  hammer(1, true);
  hammer(7, true);
  hammer(64, true);
}

TEST(TokenBucketThreads, AtOneInstantExactlyTheLimitGetsThrough) {
  for (const std::uint32_t limit : {1U, 100U, 5000U}) {
    TokenBucket bucket(limit, kWindow);
    std::atomic<std::uint32_t> admitted{0};
    std::vector<std::thread> threads;
    for (int thread = 0; thread < 8; ++thread) {
      threads.emplace_back([&] {
        for (int step = 0; step < 2000; ++step)
          if (bucket.take(kStart)) admitted.fetch_add(1);
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_LE(admitted, limit);
    EXPECT_GE(admitted, limit - limit / 2000);
  }
}

}  // namespace
}  // namespace headworks::gauges
