#include "hooks/hook.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

namespace headworks::hooks {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

base::TimePoint now() { return base::SystemClock().now(); }

// A hook, what its observer heard, and what was delivered to whoever asked.
struct House {
  explicit House(HookRow row = {.name = "plugin.route", .timeout = seconds{60}})
      : hook(std::make_shared<Hook>(std::move(row), observer, gate)) {}

  std::shared_ptr<Question> question() {
    return std::make_shared<Question>([this](Answer&& answer) { delivered.push_back(std::move(answer)); });
  }
  std::shared_ptr<Question> ask() {
    auto made = question();
    EXPECT_FALSE(hook->ask(made, now()));
    return made;
  }
  std::string reason_of_last() const {
    const auto* failure = std::get_if<Failure>(&delivered.back());
    return failure == nullptr ? "" : std::string(failure->reason);
  }

  std::vector<Answer> delivered;
  std::vector<std::string> failures;
  int answers = 0;
  std::shared_ptr<const Hook::Observer> observer = std::make_shared<const Hook::Observer>(Hook::Observer{
      .on_answer = [this](const HookRow&, base::Duration) { ++answers; },
      .on_failure = [this](const HookRow&, const Failure& failure) { failures.emplace_back(failure.reason); }});
  std::shared_ptr<DeliveryGate> gate = std::make_shared<DeliveryGate>();
  std::shared_ptr<Hook> hook;  // last: what waits for it is answered when it goes
};

TEST(Hook, QuestionsAreTakenInOrderAndAnsweredOnce) {
  House house;
  const auto first = house.ask(), second = house.ask();

  const auto taken = house.hook->take(16, {});
  EXPECT_THAT(taken, ElementsAre(first, second));
  taken[0]->answer(Order{{"b", "a"}});
  taken[0]->answer(Pass{});

  ASSERT_THAT(house.delivered, SizeIs(1));
  EXPECT_THAT(std::get<Order>(house.delivered[0]).backends, ElementsAre("b", "a"));
  EXPECT_EQ(house.answers, 1);
  EXPECT_EQ(house.hook->counts().calls, 2u);
}

TEST(Hook, ABatchIsNoLargerThanAsked) {
  House house;
  const auto first = house.ask(), second = house.ask();

  EXPECT_THAT(house.hook->take(1, {}), ElementsAre(first));
  EXPECT_THAT(house.hook->take(1, {}), ElementsAre(second));
  EXPECT_THAT(house.hook->take(1, {}), IsEmpty());
}

TEST(Hook, AQuestionThatNobodyWaitsForIsNotTaken) {
  House house({.name = "plugin.route", .timeout = milliseconds{20}});
  auto late = house.question();
  ASSERT_FALSE(house.hook->ask(late, now() - milliseconds{21}));
  EXPECT_TRUE(late->give_up());

  EXPECT_THAT(house.hook->take(16, {}), IsEmpty());
  EXPECT_THAT(house.delivered, IsEmpty());
}

TEST(Hook, AnAnswerAfterGivingUpGoesNowhere) {
  House house;
  const auto asked = house.ask();
  EXPECT_TRUE(asked->give_up());
  asked->answer(Pass{});

  EXPECT_THAT(house.delivered, IsEmpty());
  EXPECT_EQ(house.answers, 0);
}

TEST(Hook, AWorkerThatDropsAQuestionHasNotAnswered) {
  House house;
  { auto asked = house.ask(); }
  house.hook->take(16, {});

  ASSERT_THAT(house.delivered, SizeIs(1));
  EXPECT_EQ(house.reason_of_last(), "no_worker");
  EXPECT_THAT(house.failures, ElementsAre("no_worker"));
}

TEST(Hook, WhatDoesNotFitThePointIsRubbish) {
  House house({.name = "plugin.admit", .point = HookPoint::admit, .timeout = seconds{60}});
  house.ask()->answer(Order{{"a"}});

  EXPECT_EQ(house.reason_of_last(), "rubbish");
  EXPECT_THAT(std::get<Failure>(house.delivered[0]).detail, HasSubstr("admit"));
}

TEST(Hook, MoreThanItsQueueIsRefused) {
  House house;
  std::vector<std::shared_ptr<Question>> asked;
  for (std::size_t i = 0; i < Hook::kQueue; ++i) asked.push_back(house.ask());

  const auto refused = house.hook->ask(house.question(), now());
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->reason, "full");
}

TEST(Hook, AClosedHookGivesOutWhatWaitsAndIsNotAsked) {
  House house;
  const auto asked = house.ask();
  house.hook->close();

  const auto refused = house.hook->ask(house.question(), now());
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->reason, "no_worker");
  EXPECT_THAT(house.hook->take(16, seconds{60}), ElementsAre(asked));
  EXPECT_THAT(house.hook->take(16, seconds{60}), IsEmpty());
}

TEST(Hook, FiveFailuresInARowOpenItsBreaker) {
  House house;
  for (int i = 0; i < 5; ++i) house.ask()->answer(Failure{.reason = "raised"});

  EXPECT_FALSE(house.hook->may_ask(now()));
  EXPECT_TRUE(house.hook->counts().open);
  EXPECT_TRUE(house.hook->may_ask(now() + seconds{2}));
  EXPECT_FALSE(house.hook->may_ask(now() + seconds{2})) << "one finds out";
}

TEST(Hook, AClosedGateLetsNobodyHear) {
  House house;
  const auto asked = house.ask();
  house.gate->close();
  asked->answer(Pass{});

  EXPECT_THAT(house.delivered, IsEmpty());
  EXPECT_EQ(house.answers, 0);
}

TEST(Hook, EveryQuestionOfManyThreadsIsAnsweredExactlyOnce) {
  constexpr int kThreads = 4, kEach = 2'000;
  auto hook = std::make_shared<Hook>(HookRow{.name = "plugin.route", .timeout = seconds{60}}, nullptr,
                                     std::make_shared<DeliveryGate>());
  std::atomic<int> answered{0}, refused{0};
  std::vector<std::jthread> threads;
  for (int i = 0; i < kThreads; ++i)
    threads.emplace_back([&] {
      for (int n = 0; n < kEach; ++n)
        if (hook->ask(std::make_shared<Question>([&](Answer&&) { ++answered; }), now())) ++refused;
    });
  for (int i = 0; i < 2; ++i)
    threads.emplace_back([&] {
      while (answered + refused < kThreads * kEach)
        for (const auto& question : hook->take(16, milliseconds{1})) question->answer(Pass{});
    });
  threads.clear();

  EXPECT_EQ(answered + refused, kThreads * kEach);
  EXPECT_EQ(hook->counts().calls, static_cast<std::uint64_t>(answered));
}

TEST(HookSet, ItsEndAnswersWhatWaits) {
  House house;
  {
    const HookSet set({house.hook});
    EXPECT_THAT(set.at(HookPoint::route), SizeIs(1));
    EXPECT_THAT(set.at(HookPoint::admit), IsEmpty());
    house.ask();
    house.hook.reset();
  }
  EXPECT_EQ(house.reason_of_last(), "no_worker");
}

TEST(Breaker, LetsOneFindOutAfterAPause) {
  Breaker breaker;
  const base::TimePoint at{std::chrono::hours{1}};
  for (std::uint32_t i = 0; i < Breaker::kFailures; ++i) {
    EXPECT_TRUE(breaker.allows(at));
    breaker.fail(at);
  }
  EXPECT_FALSE(breaker.allows(at + Breaker::kPause - milliseconds{1}));
  EXPECT_TRUE(breaker.allows(at + Breaker::kPause));
  EXPECT_FALSE(breaker.allows(at + Breaker::kPause)) << "the one that finds out is under way";
  breaker.succeed();
  EXPECT_TRUE(breaker.allows(at + Breaker::kPause));
}

TEST(Breaker, ASuccessForgetsFailures) {
  Breaker breaker;
  const base::TimePoint at{std::chrono::hours{1}};
  for (int i = 0; i < 100; ++i) {
    breaker.fail(at);
    if (i % 4 == 3) breaker.succeed();
  }
  EXPECT_FALSE(breaker.open());
}

}  // namespace
}  // namespace headworks::hooks
