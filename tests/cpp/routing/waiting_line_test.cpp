#include "routing/waiting_line.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "route_fixture.hpp"

namespace headworks::routing {
namespace {

using base::TimePoint;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr TimePoint kNow{std::chrono::hours{1}};

// A line before one route; answers are told as "3 got 0" (request 3, backend 0) or "3 told 60250" (ms).
class Counter {
 public:
  explicit Counter(const Tiers& tiers) : route_(tiers) {}

  void join(std::uint64_t id, std::uint64_t key = 1, std::uint32_t weight = 1) { join_again(id, id, key, weight); }
  void join_again(std::uint64_t id, std::uint64_t identity, std::uint64_t key = 1, std::uint32_t weight = 1) {
    line.join({.id = id,
               .key = key,
               .identity = identity,
               .weight = weight,
               .lane = 1,
               .route = &route_.state(),
               .keep = nullptr,
               .asking = {.deadline = deadline},
               .excluded = {}},
              now);
  }
  // Goes from wake to wake until `until`.
  void run(TimePoint until) {
    for (auto wake = line.next_wake(now); wake && *wake <= until; wake = line.next_wake(now)) {
      now = *wake;
      line.advance(now);
    }
    now = until;
    line.advance(now);
  }
  std::vector<std::string> answers() { return std::exchange(answers_, {}); }
  TestRoute& route() { return route_; }

  TimePoint now = kNow;
  TimePoint deadline = TimePoint::max();

 private:
  TestRoute route_;
  base::Random random_{3};
  std::vector<std::string> answers_;

 public:
  WaitingLine line{random_, [this](WaitingLine::Answer&& answer) {
                     std::string told = std::to_string(answer.id);
                     if (answer.found) {
                       told += " got " + std::to_string(answer.found->place.candidate());
                       answer.found->held.reservation.mark_sent(now);
                     } else if (answer.ready) {
                       const auto wait = std::chrono::duration_cast<milliseconds>(*answer.ready - now);
                       told += (answer.full ? " full " : " told ") + std::to_string(wait.count());
                     } else {
                       told += " never";
                     }
                     answers_.push_back(told);
                   }};
};

using Told = std::vector<std::string>;

TEST(WaitingLine, WhoFindsSomebodyFreeDoesNotWait) {
  Counter counter(Tiers{{{}}});
  counter.join(1);
  EXPECT_EQ(counter.answers(), Told{"1 got 0"});
  EXPECT_EQ(counter.line.waiting(), 0U);
  EXPECT_FALSE(counter.route().gauge(0).awaited());
}

TEST(WaitingLine, ServesInOrderAtTheMomentASlotIsFree) {
  Counter counter(Tiers{{{.rpm_limit = 2}}});
  ASSERT_TRUE(counter.route().gauge(0).bucket().take(kNow - seconds{55}));
  ASSERT_TRUE(counter.route().gauge(0).bucket().take(kNow - seconds{53}));
  counter.join(1);
  counter.join(2);
  EXPECT_TRUE(counter.answers().empty());
  EXPECT_TRUE(counter.route().gauge(0).awaited());
  counter.run(kNow + milliseconds{5'249});
  EXPECT_TRUE(counter.answers().empty());
  counter.run(kNow + milliseconds{5'255});
  EXPECT_EQ(counter.answers(), Told{"1 got 0"});
  counter.run(kNow + milliseconds{7'255});
  EXPECT_EQ(counter.answers(), Told{"2 got 0"});
  EXPECT_FALSE(counter.route().gauge(0).awaited());
}

TEST(WaitingLine, WhoCannotBeServedInTimeIsToldTheMomentOfItsOwnSlot) {
  Counter counter(Tiers{{{.rpm_limit = 2}}});
  ASSERT_TRUE(counter.route().gauge(0).bucket().take(kNow - seconds{40}));
  ASSERT_TRUE(counter.route().gauge(0).bucket().take(kNow - seconds{30}));
  for (std::uint64_t id = 1; id <= 4; ++id) counter.join(id);
  EXPECT_EQ(counter.answers(), (Told{"1 told 20250", "2 told 30250", "3 told 80500", "4 told 90500"}));
}

TEST(WaitingLine, APromisedSlotIsKeptForTheSameRequestOnly) {
  Counter counter(Tiers{{{.rpm_limit = 1}}});
  ASSERT_TRUE(counter.route().gauge(0).bucket().take(kNow - seconds{40}));
  counter.join(1);
  EXPECT_EQ(counter.answers(), Told{"1 told 20250"});
  counter.run(kNow + milliseconds{20'255});
  counter.join(2);  // comes a moment before
  EXPECT_EQ(counter.answers().size(), 1U);
  counter.join_again(3, 1);
  EXPECT_EQ(counter.answers(), Told{"3 got 0"});
  EXPECT_EQ(counter.line.kept_share(), 1);
}

TEST(WaitingLine, APromiseThatNobodyClaimsGoesToTheNext) {
  Counter counter(Tiers{{{.rpm_limit = 1}}});
  ASSERT_TRUE(counter.route().gauge(0).bucket().take(kNow - seconds{55}));
  counter.deadline = kNow + seconds{2};
  counter.join(1);
  EXPECT_EQ(counter.answers(), Told{"1 told 5250"});
  counter.deadline = TimePoint::max();
  counter.run(kNow + seconds{7});
  counter.join(2);
  EXPECT_EQ(counter.answers(), Told{"2 got 0"});
  EXPECT_LT(counter.line.kept_share(), 1);
  EXPECT_EQ(counter.line.promises(), 0U);
}

TEST(WaitingLine, ClientsThatNeverComeBackCostNothingInTheEnd) {
  Counter counter(Tiers{{{.rpm_limit = 60}}});
  std::uint64_t id = 0;
  int served = 0;
  // Five requests a second against one a second; nobody comes back.
  for (int tick = 0; tick < 5 * 600; ++tick) {
    counter.join(++id);
    counter.run(counter.now + milliseconds{200});
    if (tick < 5 * 300) {
      counter.answers();
      continue;
    }
    for (const std::string& answer : counter.answers()) served += answer.find(" got ") != std::string::npos;
  }
  EXPECT_GE(served, 0.98 * 300 * 60 / 60.25);
  EXPECT_LT(counter.line.kept_share(), 0.1);
}

TEST(WaitingLine, KeysTakeTurnsByTheirWeights) {
  Counter counter(Tiers{{{.max_in_flight = 1}}});
  ASSERT_TRUE(counter.route().gauge(0).places().enter(1));
  for (std::uint64_t id = 1; id <= 6; ++id) counter.join(id, 1);      // a batch
  for (std::uint64_t id = 11; id <= 14; ++id) counter.join(id, 2, 2);  // of twice the weight, later
  EXPECT_TRUE(counter.answers().empty());
  Told order;
  for (int slot = 0; slot < 10; ++slot) {
    counter.route().gauge(0).places().leave();
    counter.line.advance(counter.now);
    for (std::string& answer : counter.answers()) order.push_back(answer.substr(0, answer.find(' ')));
    counter.route().gauge(0).places().enter(0);
  }
  EXPECT_EQ(order, (Told{"1", "11", "12", "2", "13", "14", "3", "4", "5", "6"}));
}

TEST(WaitingLine, AFullLineRefusesAtOnceAndSaysWhen) {
  Counter counter(Tiers{{{.rpm_limit = 1}}});
  ASSERT_TRUE(counter.route().gauge(0).bucket().take(kNow - seconds{55}));
  counter.line.set_limits({.max_wait = seconds{100}, .max_depth = 1});
  counter.join(1);
  counter.join(2);
  EXPECT_EQ(counter.answers(), Told{"2 full 65500"});
}

TEST(WaitingLine, WhoLeavesFreesItsPlaceForThoseBehind) {
  Counter counter(Tiers{{{.rpm_limit = 1}}});
  ASSERT_TRUE(counter.route().gauge(0).bucket().take(kNow - seconds{55}));
  counter.line.set_limits({.max_wait = seconds{100}, .max_depth = 10});
  counter.join(1);
  counter.join(2);
  counter.line.leave(1, counter.now);
  counter.run(kNow + seconds{6});
  EXPECT_EQ(counter.answers(), Told{"2 got 0"});
  EXPECT_EQ(counter.line.waiting(), 0U);
}

TEST(WaitingLine, NobodyWaitsPastItsTimeEvenWhenTheForecastWasWrong) {
  Counter counter(Tiers{{{.rpm_limit = 1}}});
  ASSERT_TRUE(counter.route().gauge(0).bucket().take(kNow - seconds{55}));
  counter.join(1);
  counter.route().gauge(0).recovery().cool(kNow + seconds{30});  // a 429 meanwhile
  counter.run(kNow + seconds{11});
  EXPECT_EQ(counter.answers(), Told{"1 told 20000"});
}

TEST(WaitingLine, ATierIsLeftOnlyWhenItIsNotWorthWaitingFor) {
  Counter counter(Tiers{{{.rpm_limit = 1}}, {{}}});
  counter.route().pool(0).patience_seconds = 3;
  ASSERT_TRUE(counter.route().gauge(0).bucket().take(kNow - seconds{58}));
  counter.join(1);
  EXPECT_TRUE(counter.answers().empty()) << "2.25 s are worth it";
  counter.run(kNow + seconds{3});
  EXPECT_EQ(counter.answers(), Told{"1 got 0"});
  counter.join(2);
  EXPECT_EQ(counter.answers(), Told{"2 got 1"}) << "a minute is not";
}

TEST(WaitingLine, WhoNobodyCanServeIsToldSo) {
  Counter counter(Tiers{{{.enabled = false}}});
  counter.join(1);
  EXPECT_EQ(counter.answers(), Told{"1 never"});
}

}  // namespace
}  // namespace headworks::routing
