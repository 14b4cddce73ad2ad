// What somebody else's advice changes about a plan, and a route whose order was given.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "route_fixture.hpp"
#include "routing/attempt_plan.hpp"
#include "routing/cooldown_rule.hpp"

namespace headworks::routing {
namespace {

using base::TimePoint;
using std::chrono::seconds;
using enum FailureClass;

constexpr TimePoint kNow{std::chrono::hours{1}};

class Told {
 public:
  explicit Told(const RouteState& route) : plan_(route, settings_, random_, {}) {}

  std::string start() { return tell(plan_.start(kNow)); }
  std::string fail(FailureClass failure, Advice advice) {
    held_.mark_sent(kNow);
    held_.settle();
    return tell(plan_.on_failure({.failure = failure}, kNow, advice));
  }
  std::string waited() { return tell(plan_.on_waited(kNow + seconds{1})); }

 private:
  std::string tell(Step step) {
    if (auto* tried = std::get_if<Try>(&step)) {
      held_ = std::move(tried->reservation);
      return "try " + tried->target->backend->row.name;
    }
    if (std::holds_alternative<Wait>(step)) return "wait";
    return "stop " + std::string(base::code_of(std::get<Stop>(step).error.kind));
  }

  base::Random random_{7};
  catalog::Settings settings_;
  AttemptPlan plan_;
  gauges::Reservation held_;
};

TEST(Advice, StopEndsWhatWouldGoOn) {
  TestRoute route(Tiers{{{}, {}}, {{}}});
  Told plan(route.state());
  plan.start();
  EXPECT_EQ(plan.fail(status_5xx, Advice::stop), "stop upstream_error");
}

TEST(Advice, RetryGoesOnWhereTheTableStops) {
  TestRoute route(Tiers{{{}}, {{}}});
  Told plan(route.state());
  EXPECT_EQ(plan.start(), "try 0");
  EXPECT_EQ(plan.fail(client_error, Advice::none), "stop upstream_error");
  Told advised(route.state());
  EXPECT_EQ(advised.start(), "try 0");
  EXPECT_EQ(advised.fail(client_error, Advice::retry), "try 1");
}

TEST(Advice, RetryAsksTheOnlyOneAgainAfterAPause) {
  TestRoute route(Tiers{{{}}});
  Told plan(route.state());
  EXPECT_EQ(plan.start(), "try 0");
  EXPECT_EQ(plan.fail(client_error, Advice::retry), "wait");
  EXPECT_EQ(plan.waited(), "try 0");
  EXPECT_EQ(plan.fail(client_error, Advice::retry), "wait");
  EXPECT_EQ(plan.waited(), "try 0");
  EXPECT_EQ(plan.fail(client_error, Advice::retry), "stop upstream_error") << "max_attempts is 3";
}

TEST(Advice, AHooksCooldownRestsTheBackend) {
  TestRoute route(Tiers{{{}, {}}});
  const catalog::Target& target = route.state().target(0);
  const Cooldown cooldown = cool_by_hook(target, seconds{30}, kNow);

  EXPECT_EQ(name_of(cooldown.cause), "hook");
  EXPECT_EQ(name_of(cooldown.source), "hook");
  EXPECT_TRUE(route.gauge(0).recovery().cooling(kNow + seconds{29}));
  EXPECT_FALSE(route.gauge(0).recovery().cooling(kNow + seconds{30}));
}

// The targets of `route`, in the order of `candidates`.
catalog::Route ordered(const TestRoute& route, std::initializer_list<std::uint32_t> candidates) {
  catalog::Route made;
  for (const std::uint32_t candidate : candidates) {
    const catalog::Tier& home = *route.state().tier_of(candidate).row;
    if (made.tiers.empty() || made.tiers.back().pool != home.pool)
      made.tiers.push_back({.pool = home.pool, .retries = home.retries, .targets = {}});
    made.tiers.back().targets.push_back(route.state().target(candidate));
  }
  return made;
}

TEST(GivenOrder, IsFollowedWhateverThePoolsAndStrategiesSay) {
  TestRoute route(Tiers{{{}, {}, {}}, {{}}}, "least_in_flight");
  const RouteState given(ordered(route, {2, 3, 0}), RouteState::Order::as_given);
  for (int i = 0; i < 3; ++i) {  // a random order would differ soon
    Told plan(given);
    EXPECT_EQ(plan.start(), "try 2");
    EXPECT_EQ(plan.fail(connect, Advice::none), "try 3");
    EXPECT_EQ(plan.fail(connect, Advice::none), "try 0");
    EXPECT_THAT(plan.fail(connect, Advice::none), ::testing::StartsWith("stop"));
  }
}

TEST(GivenOrder, IsNoReasonToAskAnybodyTwice) {
  TestRoute route(Tiers{{{}}, {{}}});
  const RouteState given(ordered(route, {1, 0}), RouteState::Order::as_given);
  Told plan(given);
  EXPECT_EQ(plan.start(), "try 1");
  EXPECT_EQ(plan.fail(status_5xx, Advice::none), "try 0");
}

}  // namespace
}  // namespace headworks::routing
