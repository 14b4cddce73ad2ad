// Tokens, money, retries: what is taken by many at once is never more than there is.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "gauges/retry_budget.hpp"
#include "gauges/spend_hold.hpp"
#include "gauges/spend_meter.hpp"
#include "gauges/token_meter.hpp"

namespace headworks::gauges {
namespace {

using base::MicroUsd;
using base::TimePoint;
using base::WallTime;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr TimePoint kNow{hours{1}};
constexpr base::Duration kWindow = milliseconds{60'250};
constexpr WallTime kWall{seconds{1'700'000'000}};  // 2023-11-14T22:13:20Z

TEST(TokenMeter, AdmitsWhatFitsInTheWindow) {
  TokenMeter meter(1000, kWindow);
  EXPECT_TRUE(meter.take(600, kNow));
  EXPECT_FALSE(meter.take(401, kNow + seconds{10}));
  EXPECT_TRUE(meter.take(400, kNow + seconds{10}));
  EXPECT_EQ(meter.level(kNow + seconds{10}), 0U);
  EXPECT_FALSE(meter.take(1, kNow + seconds{60}));
  EXPECT_TRUE(meter.take(600, kNow + seconds{62}));
}

TEST(TokenMeter, SettlesWithTheRealUsage) {
  TokenMeter meter(1000, kWindow);
  const auto taken = meter.take(900, kNow);
  ASSERT_TRUE(taken);
  meter.settle(*taken, 100);
  EXPECT_EQ(meter.level(kNow), 900U);
  const auto debt = meter.take(900, kNow);
  ASSERT_TRUE(debt);
  meter.settle(*debt, 2000);  // it used more than was reserved
  EXPECT_EQ(meter.level(kNow), 0U);
  EXPECT_FALSE(meter.take(1, kNow + seconds{59}));
  EXPECT_TRUE(meter.take(1, kNow + seconds{62}));
}

TEST(TokenMeter, ASettlementAfterTheWindowChangesNothing) {
  TokenMeter meter(1000, kWindow);
  const auto taken = meter.take(900, kNow);
  EXPECT_TRUE(meter.take(800, kNow + minutes{5}));
  meter.settle(*taken, 0);
  EXPECT_EQ(meter.level(kNow + minutes{5}), 200U);
}

TEST(TokenMeter, ACallLargerThanTheLimitGoesAlone) {
  TokenMeter meter(1000, kWindow);
  EXPECT_TRUE(meter.take(5000, kNow));
  EXPECT_FALSE(meter.take(1, kNow));
  EXPECT_FALSE(meter.take(5000, kNow + seconds{30}));
  EXPECT_TRUE(meter.take(5000, kNow + seconds{62}));
}

TEST(TokenMeter, SaysWhenThereWillBeEnough) {
  TokenMeter meter(1000, kWindow);
  meter.take(600, kNow);
  meter.take(400, kNow + seconds{20});
  const TimePoint at = kNow + seconds{30};
  EXPECT_EQ(meter.earliest(0, at), at);
  for (const std::uint64_t tokens : {100U, 600U, 700U, 1000U}) {
    const TimePoint when = meter.earliest(tokens, at);
    EXPECT_GT(when, at);
    TokenMeter early(1000, kWindow), late(1000, kWindow);
    for (TokenMeter* each : {&early, &late}) each->take(600, kNow), each->take(400, kNow + seconds{20});
    EXPECT_FALSE(early.take(tokens, when - milliseconds{1})) << tokens;
    EXPECT_TRUE(late.take(tokens, when)) << tokens;
  }
}

TEST(TokenMeter, AThousandThreadsNeverTakeOneTooMany) {
  TokenMeter meter(5000, kWindow);
  std::atomic<std::uint64_t> taken{0};
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 1000; ++thread)
    threads.emplace_back([&] {
      for (int step = 0; step < 10; ++step)
        if (meter.take(3, kNow + seconds{step})) taken += 3;
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(taken, 4998U);
  EXPECT_EQ(meter.level(kNow + seconds{10}), 2U);
}

TEST(TokenMeter, LevelsGoOnAfterARestart) {
  TokenMeter before(1000, kWindow);
  before.take(300, kNow);
  before.take(500, kNow + seconds{30});
  TokenMeter after(1000, kWindow);
  after.restore(before.recent(kNow + seconds{40}));
  EXPECT_EQ(after.level(kNow + seconds{40}), 200U);
  EXPECT_EQ(after.level(kNow + seconds{63}), 500U);
}

TEST(TokenMeter, WithoutALimitItAdmitsAll) {
  TokenMeter meter(0, kWindow);
  EXPECT_TRUE(meter.take(1'000'000'000, kNow));
  EXPECT_EQ(meter.earliest(1'000'000'000, kNow), kNow);
}

TEST(SpendMeter, AThousandInParallelAgainstABudgetForAHundred) {
  SpendMeter meter(SpendWindow::day);
  std::atomic<int> admitted{0};
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 1000; ++thread)
    threads.emplace_back([&] { admitted += meter.take(100, 10'000, kWall).has_value(); });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(admitted, 100);
  EXPECT_EQ(meter.spent(kWall), 10'000);
}

TEST(SpendMeter, SettlesInTheWindowOfTheReservationOnly) {
  SpendMeter meter(SpendWindow::hour);
  const auto first = meter.take(500, 1000, kWall);
  ASSERT_TRUE(first);
  meter.settle(*first, 20);
  EXPECT_EQ(meter.spent(kWall), 20);
  const auto second = meter.take(900, 1000, kWall);
  ASSERT_TRUE(second);
  EXPECT_TRUE(meter.take(900, 1000, kWall + hours{1}));
  meter.settle(*second, 0);  // of an hour that is over
  EXPECT_EQ(meter.spent(kWall + hours{1}), 900);
}

TEST(SpendMeter, WindowsAreThoseOfTheCalendar) {
  const WallTime february = std::chrono::sys_days{std::chrono::year{2028} / 2 / 29} + hours{23} + minutes{59};
  EXPECT_EQ(window_end(SpendWindow::minute, february), february + minutes{1});
  EXPECT_EQ(window_end(SpendWindow::hour, february), february + minutes{1});
  EXPECT_EQ(window_end(SpendWindow::day, february), february + minutes{1});
  EXPECT_EQ(window_end(SpendWindow::month, february), WallTime{std::chrono::sys_days{std::chrono::year{2028} / 3 / 1}});
  for (const SpendWindow window : {SpendWindow::minute, SpendWindow::hour, SpendWindow::day, SpendWindow::month}) {
    const WallTime end = window_end(window, kWall);
    EXPECT_EQ(window_number(window, end - base::Duration{1}), window_number(window, kWall));
    EXPECT_EQ(window_number(window, end), window_number(window, kWall) + 1);
  }
}

TEST(SpendMeter, ACallWithoutAPriceIsRefusedOnceTheLimitIsReached) {
  SpendMeter meter(SpendWindow::day);
  EXPECT_TRUE(meter.take(0, 10, kWall));
  EXPECT_TRUE(meter.take(10, 10, kWall));
  EXPECT_FALSE(meter.take(0, 10, kWall));
}

TEST(SpendHold, ReservesInEveryBudgetOrInNone) {
  ClientGauge gauge(0, 0);
  const std::vector<SpendLimit> limits{{SpendWindow::day, 1000}, {SpendWindow::month, 100}};
  {
    SpendHold hold;
    const SpendLimit* full = hold.take(gauge, limits, {.cost = {200}}, kWall);
    ASSERT_NE(full, nullptr);
    EXPECT_EQ(full->window, SpendWindow::month);
    EXPECT_EQ(gauge.spend(SpendWindow::day).spent(kWall), 0);
    EXPECT_EQ(hold.take(gauge, limits, {.cost = {90}}, kWall), nullptr);
    EXPECT_EQ(gauge.spend(SpendWindow::day).spent(kWall), 90);
    hold.set_spent({.cost = {7}});
  }
  EXPECT_EQ(gauge.spend(SpendWindow::day).spent(kWall), 7);
  EXPECT_EQ(gauge.spend(SpendWindow::month).spent(kWall), 7);
}

TEST(SpendHold, BudgetsOfTokensAndOfRequestsStandBesideThoseOfMoney) {
  ClientGauge gauge(0, 0);
  const std::vector<SpendLimit> limits{{SpendWindow::hour, 2, SpendOf::requests},
                                       {SpendWindow::hour, 1000, SpendOf::tokens},
                                       {SpendWindow::hour, 50, SpendOf::usd}};
  const Spend most{.cost = {10}, .tokens = 400, .requests = 1};
  {
    SpendHold first;
    ASSERT_EQ(first.take(gauge, limits, most, kWall), nullptr);
    first.set_spent({.cost = {4}, .tokens = 900, .requests = 1});
  }
  EXPECT_EQ(gauge.spend(SpendWindow::hour, SpendOf::tokens).spent(kWall), 900);
  SpendHold second;
  const SpendLimit* full = second.take(gauge, limits, most, kWall);
  ASSERT_NE(full, nullptr);
  EXPECT_EQ(full->of, SpendOf::tokens);
  EXPECT_EQ(gauge.spend(SpendWindow::hour, SpendOf::requests).spent(kWall), 1) << "what was taken before is given back";
  EXPECT_EQ(gauge.spend(SpendWindow::hour).spent(kWall), 4);
  EXPECT_EQ(gauge.spend(SpendWindow::day, SpendOf::requests).spent(kWall), 0);
}

TEST(RetryBudget, RetriesThatFailUseItUp) {
  RetryBudget budget(3);
  for (int retry = 0; retry < 3; ++retry) EXPECT_TRUE(budget.take());
  EXPECT_FALSE(budget.take());
  for (int success = 0; success < 5; ++success) budget.succeed(20, false);
  EXPECT_TRUE(budget.take());
  EXPECT_FALSE(budget.take());
}

TEST(RetryBudget, RetriesThatHelpAreNeverRefusedForLong) {
  RetryBudget budget(2);
  for (int retry = 0; retry < 1000; ++retry) {
    ASSERT_TRUE(budget.take());
    budget.succeed(0, true);
  }
  EXPECT_EQ(budget.left(), 2.0);
}

}  // namespace
}  // namespace headworks::gauges
