#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "gauges/backend_gauge.hpp"
#include "gauges/client_gauge.hpp"
#include "gauges/reservation.hpp"

namespace headworks::gauges {
namespace {

using base::TimePoint;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr TimePoint kNow{std::chrono::hours{1}};
constexpr base::Duration kWindow = milliseconds{60'250};

TEST(BackendGauge, CoolingOnlyEverGrowsUntilItIsCleared) {
  BackendGauge gauge({.window = kWindow});
  EXPECT_FALSE(gauge.recovery().cooling(kNow));
  EXPECT_TRUE(gauge.recovery().cool(kNow + seconds{7}));
  EXPECT_FALSE(gauge.recovery().cool(kNow + seconds{2}));
  EXPECT_TRUE(gauge.recovery().cooling(kNow + seconds{7} - base::Duration{1}));
  EXPECT_FALSE(gauge.recovery().cooling(kNow + seconds{7}));
  gauge.clear();
  EXPECT_FALSE(gauge.recovery().cooling(kNow));
}

TEST(BackendGauge, CountsRateLimitAnswersSinceTheLastSuccess) {
  BackendGauge gauge({.window = kWindow});
  EXPECT_FALSE(gauge.succeed());
  EXPECT_EQ(gauge.count_429(), 1U);
  EXPECT_EQ(gauge.count_429(), 2U);
  EXPECT_TRUE(gauge.succeed());
  EXPECT_EQ(gauge.count_429(), 1U);
}

TEST(BackendGauge, SmoothsTheTimeToTheFirstByte) {
  BackendGauge gauge({.window = kWindow});
  EXPECT_EQ(gauge.first_byte_ns(), 0U);
  gauge.observe_first_byte(milliseconds{800}, kNow);
  EXPECT_EQ(gauge.first_byte_ns(), 800'000'000U);
  gauge.observe_first_byte(milliseconds{0}, kNow);
  EXPECT_EQ(gauge.first_byte_ns(), 700'000'000U);
}

TEST(BackendGauge, ANewLimitKeepsEverythingThatHappened) {
  BackendGauge old({.rpm = 2, .window = kWindow});
  ASSERT_TRUE(old.bucket().take(kNow));
  ASSERT_TRUE(old.bucket().take(kNow + seconds{1}));
  ASSERT_TRUE(old.places().enter(0));
  old.recovery().cool(kNow + seconds{5});

  BackendGauge same(old, {.rpm = 2, .window = kWindow});
  EXPECT_EQ(&same.bucket(), &old.bucket());
  BackendGauge wider(old, {.rpm = 3, .window = kWindow});
  EXPECT_TRUE(wider.recovery().cooling(kNow));
  EXPECT_EQ(wider.bucket().level(kNow + seconds{2}), 1U);
  old.places().leave();  // a request that began under the old snapshot
  EXPECT_EQ(wider.in_flight(), 0U);
}

TEST(ClientGauge, ANewLimitKeepsTheRecentStartsAndTheExchangesInFlight) {
  ClientGauge old(2, 0);
  ASSERT_TRUE(old.bucket().take(kNow));
  auto held = Reservation::take(old, 0, kNow);
  ASSERT_TRUE(held);
  ClientGauge narrower(old, 1, 0);
  EXPECT_EQ(narrower.in_flight(), 1U);
  EXPECT_FALSE(narrower.bucket().take(kNow + seconds{1}));
  EXPECT_TRUE(narrower.bucket().take(kNow + seconds{60}));
}

TEST(InFlight, NeverLetsOneTooManyInUnderManyThreads) {
  InFlight places;
  std::atomic<std::uint32_t> inside{0}, most{0};
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 8; ++thread) {
    threads.emplace_back([&] {
      for (int step = 0; step < 5000; ++step) {
        if (!places.enter(3)) continue;
        const std::uint32_t seen = inside.fetch_add(1) + 1;
        std::uint32_t max = most.load();
        while (seen > max && !most.compare_exchange_weak(max, seen)) {
        }
        inside.fetch_sub(1);
        places.leave();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_LE(most, 3U);
  EXPECT_EQ(places.count(), 0U);
}

TEST(Reservation, GivesEverythingBackWhenNothingWasSent) {
  BackendGauge gauge({.rpm = 1, .window = kWindow});
  {
    const auto taken = Reservation::take(gauge, 1, kNow);
    ASSERT_TRUE(taken);
    EXPECT_EQ(gauge.in_flight(), 1U);
    EXPECT_EQ(gauge.bucket().level(kNow), 0U);
  }
  EXPECT_EQ(gauge.in_flight(), 0U);
  EXPECT_EQ(gauge.bucket().level(kNow), 1U);
}

TEST(Reservation, KeepsTheStartOnceSomethingWasSent) {
  BackendGauge gauge({.rpm = 1, .window = kWindow});
  auto taken = Reservation::take(gauge, 1, kNow);
  ASSERT_TRUE(taken);
  taken->mark_sent(kNow);
  Reservation moved = std::move(*taken);
  EXPECT_FALSE(taken->held());
  moved.settle();
  moved.settle();
  EXPECT_EQ(gauge.in_flight(), 0U);
  EXPECT_EQ(gauge.bucket().level(kNow), 0U);
}

TEST(Reservation, SaysWhyNotAndThenTakesNothing) {
  BackendGauge gauge({.rpm = 1, .window = kWindow});
  auto first = Reservation::take(gauge, 1, kNow);
  ASSERT_TRUE(first);
  first->mark_sent(kNow);
  EXPECT_EQ(Reservation::take(gauge, 1, kNow).error(), Refusal::in_flight);
  EXPECT_EQ(Reservation::take(gauge, 0, kNow).error(), Refusal::bucket);
  EXPECT_EQ(gauge.in_flight(), 1U);
}

TEST(Reservation, AFreeCallTakesAPlaceButNoStart) {
  BackendGauge gauge({.rpm = 1, .window = kWindow});
  auto start = gauge.bucket().take(kNow);
  ASSERT_TRUE(start);
  auto free = Reservation::take(gauge, 1, kNow, {.charge = Charge::nothing});
  ASSERT_TRUE(free);
  EXPECT_EQ(gauge.in_flight(), 1U);
  EXPECT_EQ(Reservation::take(gauge, 1, kNow, {.charge = Charge::nothing}).error(), Refusal::in_flight);
  free->settle();
  EXPECT_EQ(gauge.in_flight(), 0U);
  EXPECT_EQ(gauge.bucket().level(kNow), 0U);
}

TEST(Reservation, AssignmentSettlesWhatWasHeld) {
  BackendGauge first({.rpm = 1, .window = kWindow}), second({.rpm = 1, .window = kWindow});
  Reservation held = *Reservation::take(first, 0, kNow);
  held = *Reservation::take(second, 0, kNow);
  EXPECT_EQ(first.in_flight(), 0U);
  EXPECT_EQ(first.bucket().level(kNow), 1U);
  EXPECT_EQ(second.in_flight(), 1U);
}

}  // namespace
}  // namespace headworks::gauges
