#include "net/timer_wheel.hpp"

#include <gtest/gtest.h>

#include <map>
#include <memory>

#include "base/random.hpp"

namespace headworks::net {
namespace {

using base::Duration;
using base::TimePoint;
using namespace std::chrono_literals;

class Probe final : public Timer {
 public:
  explicit Probe(int& fired) : fired_(fired) {}

 private:
  void on_expired() override { ++fired_; }
  int& fired_;
};

constexpr TimePoint kStart{1000s};

TEST(TimerWheel, FiresOnceNeverEarlyAndAtMostATickLate) {
  TimerWheel wheel(kStart);
  int fired = 0;
  Probe timer(fired);
  timer.arm(wheel, kStart + 100ms);
  wheel.advance(kStart + 99ms);
  EXPECT_EQ(fired, 0);
  wheel.advance(kStart + 100ms + TimerWheel::kTick);
  EXPECT_EQ(fired, 1);
  wheel.advance(kStart + 100s);
  EXPECT_EQ(fired, 1);
}

TEST(TimerWheel, APushedOutDeadlineHolds) {
  TimerWheel wheel(kStart);
  int fired = 0;
  Probe timer(fired);
  timer.arm(wheel, kStart + 100ms);
  timer.arm(wheel, kStart + 10s);
  wheel.advance(kStart + 5s);
  EXPECT_EQ(fired, 0);
  wheel.advance(kStart + 10s + TimerWheel::kTick);
  EXPECT_EQ(fired, 1);
}

TEST(TimerWheel, ANearerDeadlineReplacesAFartherOne) {
  TimerWheel wheel(kStart);
  int fired = 0;
  Probe timer(fired);
  timer.arm(wheel, kStart + 10s);
  timer.arm(wheel, kStart + 50ms);
  wheel.advance(kStart + 50ms + TimerWheel::kTick);
  EXPECT_EQ(fired, 1);
}

TEST(TimerWheel, DisarmedAndDestroyedTimersStaySilent) {
  TimerWheel wheel(kStart);
  int fired = 0;
  Probe disarmed(fired);
  disarmed.arm(wheel, kStart + 50ms);
  disarmed.disarm();
  {
    Probe destroyed(fired);
    destroyed.arm(wheel, kStart + 50ms);
  }
  wheel.advance(kStart + 60s);
  EXPECT_EQ(fired, 0);
  EXPECT_FALSE(wheel.next_due());
}

TEST(TimerWheel, KeepsDeadlinesLongerThanATurn) {
  TimerWheel wheel(kStart);
  int fired = 0;
  Probe timer(fired);
  timer.arm(wheel, kStart + 300s);
  for (TimePoint now = kStart; now < kStart + 300s; now += 100ms) wheel.advance(now);
  EXPECT_EQ(fired, 0);
  wheel.advance(kStart + 300s + TimerWheel::kTick);
  EXPECT_EQ(fired, 1);
}

// Seeded schedules against the obvious model: a map from deadline to timer.
TEST(TimerWheel, AgreesWithAModelOnRandomSchedules) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    base::Random random(seed);
    TimerWheel wheel(kStart);
    TimePoint now = kStart;
    std::vector<int> fired(40, 0);
    std::vector<std::unique_ptr<Probe>> timers;
    std::vector<TimePoint> deadlines(40, TimePoint::max());
    for (int& count : fired) timers.push_back(std::make_unique<Probe>(count));
    for (int step = 0; step < 400; ++step) {
      const std::size_t which = random.below(40);
      deadlines[which] = now + Duration(random.below(40'000'000'000));
      timers[which]->arm(wheel, deadlines[which]);
      fired[which] = 0;
      const auto due = wheel.next_due();
      ASSERT_TRUE(due);
      const TimePoint earliest = *std::min_element(deadlines.begin(), deadlines.end());
      EXPECT_LE(*due, earliest + TimerWheel::kTick);
      now += Duration(random.below(500'000'000));
      wheel.advance(now);
      for (std::size_t i = 0; i < fired.size(); ++i) {
        if (deadlines[i] == TimePoint::max()) continue;
        if (fired[i] == 1) {
          EXPECT_LE(deadlines[i], now);
          deadlines[i] = TimePoint::max();
        } else {
          EXPECT_EQ(fired[i], 0);
          EXPECT_GT(deadlines[i] + TimerWheel::kTick, now);
        }
      }
    }
  }
}

}  // namespace
}  // namespace headworks::net
