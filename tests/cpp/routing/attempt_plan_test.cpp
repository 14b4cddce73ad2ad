#include "routing/attempt_plan.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "route_fixture.hpp"

namespace headworks::routing {
namespace {

using base::ErrorKind;
using base::TimePoint;
using std::chrono::milliseconds;
using std::chrono::seconds;
using enum FailureClass;

constexpr TimePoint kNow{std::chrono::hours{1}};

// A script: begin, fail, wait; each step is told as text.
class Script {
 public:
  explicit Script(TestRoute& route, catalog::Settings settings = {}, TimePoint deadline = TimePoint::max())
      : settings_(settings), plan_(route.state(), settings_, random_, {.deadline = deadline}) {}

  std::string start() { return tell(plan_.start(now)); }
  std::string fail(FailureClass failure, bool answer_at_hand = false) {
    held_.mark_sent(now);
    held_.settle();
    return tell(plan_.on_failure({.failure = failure, .status = 0, .answer_at_hand = answer_at_hand}, now));
  }
  std::string waited() {
    now += wait;
    return tell(plan_.on_waited(now));
  }

  TimePoint now = kNow;
  base::Duration wait{};
  Stop stop;
  bool queues = false;  // there is a waiting line; otherwise it refuses at once
  AttemptPlan& plan() { return plan_; }
  const AttemptPlan& plan() const { return plan_; }

 private:
  std::string tell(Step step) {
    if (auto* tried = std::get_if<Try>(&step)) {
      held_ = std::move(tried->reservation);
      return "try " + tried->target->backend->row.name + " of " + tried->pool->name;
    }
    if (const auto* waiting = std::get_if<Wait>(&step)) {
      wait = waiting->duration;
      if (waiting->reason == WaitReason::backoff) return "wait";
      if (queues) return "turn";
      return tell(plan_.on_refused(now + wait, false, now));
    }
    stop = std::get<Stop>(std::move(step));
    return "stop " + std::string(base::code_of(stop.error.kind)) + (stop.relay_last_answer ? ", relay" : "");
  }

  base::Random random_{7};
  const catalog::Settings settings_;
  AttemptPlan plan_;
  gauges::Reservation held_;
};

TEST(AttemptPlan, GoesToTheNextBackendAtOnceAfterAFailure) {
  TestRoute route(Tiers{{{}, {}}, {{}}});
  Script script(route);
  EXPECT_EQ(script.start(), "try 0 of pool0");
  EXPECT_EQ(script.fail(connect), "try 1 of pool0");
  EXPECT_EQ(script.fail(reset), "try 2 of pool1");
  EXPECT_EQ(script.fail(status_5xx, true), "stop upstream_error, relay");
  EXPECT_EQ(script.plan().attempts(), 3U);
}

TEST(AttemptPlan, CountsTheFirstAttempt) {
  TestRoute route(Tiers{{{}, {}, {}, {}}});
  catalog::Settings settings;
  settings.retry.max_attempts = 1;
  Script script(route, settings);
  EXPECT_EQ(script.start(), "try 0 of pool0");
  EXPECT_EQ(script.fail(connect), "stop upstream_connect");
}

TEST(AttemptPlan, ATiersOnlyBackendIsAskedOnceMoreAfterATransientFailure) {
  for (const FailureClass transient : {status_5xx, reset, status_408_409, stream_error_before_commit}) {
    TestRoute route(Tiers{{{}}, {{}}});
    Script script(route);
    EXPECT_EQ(script.start(), "try 0 of pool0");
    EXPECT_EQ(script.fail(transient), "wait") << name_of(transient);
    EXPECT_GE(script.wait, milliseconds{125});
    EXPECT_LE(script.wait, milliseconds{250});
    EXPECT_EQ(script.waited(), "try 0 of pool0");
    EXPECT_EQ(script.fail(transient), "try 1 of pool1");
  }
}

TEST(AttemptPlan, ASilentBackendIsNeverAskedAgain) {
  for (const FailureClass lasting : {timeout_first_byte, timeout_idle, timeout_total, connect, malformed,
                                     html_instead, status_429, status_auth}) {
    TestRoute route(Tiers{{{}}, {{}}});
    Script script(route);
    EXPECT_EQ(script.start(), "try 0 of pool0");
    EXPECT_EQ(script.fail(lasting), "try 1 of pool1") << name_of(lasting);
  }
}

TEST(AttemptPlan, DisabledNeighboursDoNotCountAsCompany) {
  TestRoute route(Tiers{{{.enabled = false}, {}}});
  Script script(route);
  EXPECT_EQ(script.start(), "try 1 of pool0");
  EXPECT_EQ(script.fail(reset), "wait");
}

TEST(AttemptPlan, AfterTheWaitABackendThatCoolsByThenIsLeft) {
  TestRoute route(Tiers{{{}}, {{}}});
  Script script(route);
  script.start();
  EXPECT_EQ(script.fail(reset), "wait");
  route.gauge(0).recovery().cool(script.now + seconds{5});
  EXPECT_EQ(script.waited(), "try 1 of pool1");
}

TEST(AttemptPlan, APoolWithoutRetriesLeftDoesNotHideTheOneBehindIt) {
  TestRoute route(Tiers{{{}, {}}, {{}}});
  while (route.retries(0).take()) {
  }
  Script script(route);
  EXPECT_EQ(script.start(), "try 0 of pool0");
  EXPECT_EQ(script.fail(reset), "try 2 of pool1");
  EXPECT_EQ(script.plan().trace().entries().back().out, Out::retries);
  while (route.retries(1).take()) {
  }
  Script another(route);
  EXPECT_EQ(another.start(), "try 0 of pool0");
  EXPECT_EQ(another.fail(reset), "stop upstream_reset");
}

TEST(AttemptPlan, WithoutRetriesLeftATiersOnlyBackendIsNotWaitedFor) {
  TestRoute route(Tiers{{{}}, {{}}});
  while (route.retries(0).take()) {
  }
  Script script(route);
  script.start();
  EXPECT_EQ(script.fail(reset), "try 1 of pool1");
}

TEST(AttemptPlan, TheClientsOwnErrorStopsAndIsRelayed) {
  TestRoute route(Tiers{{{}, {}}});
  Script script(route);
  script.start();
  EXPECT_EQ(script.fail(client_error, true), "stop upstream_error, relay");
}

TEST(AttemptPlan, OurBadKeyIsNeverBlamedOnTheClient) {
  TestRoute route(Tiers{{{}, {}}});
  Script script(route);
  script.start();
  EXPECT_EQ(script.fail(status_auth, true), "try 1 of pool0");
  EXPECT_EQ(script.fail(status_auth, true), "stop upstream_auth");
}

TEST(AttemptPlan, AnAnswerThatIsNoLongerAtHandIsReplacedByOurs) {
  TestRoute route(Tiers{{{}, {}}});
  Script script(route);
  script.start();
  script.fail(status_5xx, true);
  EXPECT_EQ(script.fail(status_5xx, false), "stop upstream_error");
}

TEST(AttemptPlan, PassesOverWhatIsOutAndRemembersWhy) {
  TestRoute route(Tiers{{{.enabled = false}, {}, {.rpm_limit = 1}, {.max_in_flight = 1}}, {{}}});
  route.gauge(1).recovery().cool(kNow + seconds{9});
  ASSERT_TRUE(route.gauge(2).bucket().take(kNow));
  ASSERT_TRUE(route.gauge(3).places().enter(1));
  Script script(route);
  EXPECT_EQ(script.start(), "try 4 of pool1");
  ASSERT_EQ(script.plan().trace().entries().size(), 4U);
  const Out expected[] = {Out::unusable, Out::cooling, Out::bucket, Out::in_flight};
  for (const auto& skipped : script.plan().trace().entries()) EXPECT_EQ(skipped.out, expected[skipped.candidate]);
}

TEST(AttemptPlan, SaysTheSoonestMomentThatAnyBackendOfTheModelIsFree) {
  TestRoute route(Tiers{{{}, {.rpm_limit = 1}}, {{}}});
  route.gauge(0).recovery().cool(kNow + seconds{70});
  ASSERT_TRUE(route.gauge(1).bucket().take(kNow - seconds{3}));
  route.gauge(2).recovery().cool(kNow + seconds{90});
  Script script(route);
  EXPECT_EQ(script.start(), "stop all_backends_limited");
  EXPECT_EQ(script.stop.error.retry_after, TestRoute::kWindow - seconds{3});
}

TEST(AttemptPlan, ABackendThatCoolsAndIsOutOfItsBucketIsFreeWhenBothAreOver) {
  TestRoute route(Tiers{{{.rpm_limit = 1}}});
  ASSERT_TRUE(route.gauge(0).bucket().take(kNow - seconds{3}));
  route.gauge(0).recovery().cool(kNow + seconds{7});
  Script script(route);
  EXPECT_EQ(script.start(), "stop all_backends_limited");
  EXPECT_EQ(script.stop.error.retry_after, TestRoute::kWindow - seconds{3});
}

TEST(AttemptPlan, ARetryThatObeysRetryAfterIsAdmitted) {
  TestRoute route(Tiers{{{.rpm_limit = 1}, {.rpm_limit = 1}}});
  ASSERT_TRUE(route.gauge(0).bucket().take(kNow - seconds{3}));
  ASSERT_TRUE(route.gauge(1).bucket().take(kNow - seconds{4}));
  Script refused(route);
  EXPECT_EQ(refused.start(), "stop all_backends_limited");
  Script later(route);
  later.now += *refused.stop.error.retry_after;
  EXPECT_EQ(later.start(), "try 1 of pool0");
}

TEST(AttemptPlan, AfterA429EverywhereTheAnswerSaysWhen) {
  TestRoute route(Tiers{{{}, {}}});
  Script script(route);
  script.start();
  route.gauge(0).recovery().cool(kNow + seconds{7});
  EXPECT_EQ(script.fail(status_429, true), "try 1 of pool0");
  route.gauge(1).recovery().cool(kNow + seconds{4});
  EXPECT_EQ(script.fail(status_429, true), "stop all_backends_limited, relay");
  EXPECT_EQ(script.stop.error.retry_after, seconds{4});
}

TEST(AttemptPlan, AfterAFailureTheLimitsOfTheOthersAreNotTheReason) {
  TestRoute route(Tiers{{{}, {}}});
  route.gauge(1).recovery().cool(kNow + seconds{7});
  Script script(route);
  EXPECT_EQ(script.start(), "try 0 of pool0");
  EXPECT_EQ(script.fail(connect), "stop upstream_connect");
}

TEST(AttemptPlan, WithoutAnyUsableBackendThereIsNone) {
  TestRoute empty(Tiers{});
  EXPECT_EQ(Script(empty).start(), "stop no_backend");
  TestRoute disabled(Tiers{{{.enabled = false}}});
  EXPECT_EQ(Script(disabled).start(), "stop no_backend");
}

TEST(AttemptPlan, NeverGoesPastTheDeadline) {
  TestRoute route(Tiers{{{}}, {{}}});
  Script late(route, {}, kNow);
  EXPECT_EQ(late.start(), "stop deadline_exceeded");

  Script close(route, {}, kNow + milliseconds{100});  // the wait would not fit
  close.start();
  EXPECT_EQ(close.fail(reset), "try 1 of pool1");

  Script overslept(route, {}, kNow + milliseconds{400});
  overslept.start();
  EXPECT_EQ(overslept.fail(reset), "wait");
  overslept.now += seconds{1};
  EXPECT_EQ(overslept.waited(), "stop deadline_exceeded");
}

TEST(AttemptPlan, ABackendThatGotFreeMeanwhileIsAskedAfterAll) {
  TestRoute route(Tiers{{{}, {}}, {{}}});
  route.gauge(0).recovery().cool(kNow + seconds{2});
  Script script(route);
  EXPECT_EQ(script.start(), "try 1 of pool0");
  script.now += seconds{3};
  EXPECT_EQ(script.fail(timeout_first_byte), "try 0 of pool0");
}

TEST(AttemptPlan, TheReservationOfAStepHoldsTheStartAndThePlace) {
  TestRoute route(Tiers{{{.rpm_limit = 1, .max_in_flight = 1}}});
  base::Random random(1);
  catalog::Settings settings;
  AttemptPlan plan(route.state(), settings, random, {});
  {
    const Step step = plan.start(kNow);
    ASSERT_TRUE(std::holds_alternative<Try>(step));
    EXPECT_EQ(std::get<Try>(step).attempt, 1U);
    EXPECT_EQ(route.gauge(0).in_flight(), 1U);
    EXPECT_EQ(route.gauge(0).bucket().level(kNow), 0U);
  }
  EXPECT_EQ(route.gauge(0).in_flight(), 0U);
  EXPECT_EQ(route.gauge(0).bucket().level(kNow), 1U);
}

// What one random scenario does to a plan and what must hold at each step.
class RandomScenario {
 public:
  explicit RandomScenario(std::uint64_t seed) : random_(seed), route_(make_tiers()) {
    settings_.retry.max_attempts = static_cast<std::uint32_t>(1 + random_.below(5));
  }

  void run() {
    const TimePoint deadline =
        random_.below(3) == 0 ? now_ + milliseconds{random_.below(2000)} : TimePoint::max();
    AttemptPlan plan(route_.state(), settings_, random_, {.deadline = deadline});
    Step step = plan.start(now_);
    for (int steps = 0;; ++steps) {
      ASSERT_LE(steps, 12) << "does not end";
      ASSERT_LE(plan.attempts(), settings_.retry.max_attempts);
      if (const auto* stop = std::get_if<Stop>(&step)) return check_stop(*stop, plan);
      if (const auto* wait = std::get_if<Wait>(&step)) {
        if (wait->reason == WaitReason::turn) {
          step = plan.on_refused(now_ + wait->duration, false, now_);
          continue;
        }
        ASSERT_LT(now_ + wait->duration, deadline);
        now_ += wait->duration + milliseconds{random_.below(50)};
        step = plan.on_waited(now_);
        continue;
      }
      ASSERT_LT(now_, deadline);
      Try& tried = std::get<Try>(step);
      ASSERT_TRUE(tried.target->backend->usable());
      ASSERT_FALSE(tried.target->backend->gauge->recovery().cooling(now_));
      tried.reservation.mark_sent(now_);
      tried.reservation.settle();
      const auto failure = static_cast<FailureClass>(random_.below(static_cast<std::uint64_t>(count_)));
      if (row_of(failure).cools == Cools::as_limited)
        tried.target->backend->gauge->recovery().cool(now_ + seconds{1 + random_.below(9)});
      now_ += milliseconds{random_.below(300)};
      step = plan.on_failure({.failure = failure, .answer_at_hand = random_.below(2) == 0}, now_);
    }
  }

 private:
  Tiers make_tiers() {
    Tiers tiers(1 + random_.below(3));
    for (auto& tier : tiers) {
      tier.resize(1 + random_.below(5));
      for (BackendSpec& spec : tier) {
        spec.rpm_limit = static_cast<std::uint32_t>(random_.below(3));
        spec.weight = static_cast<std::uint32_t>(1 + random_.below(4));
        spec.enabled = random_.below(6) != 0;
      }
    }
    return tiers;
  }

  void check_stop(const Stop& stop, const AttemptPlan& plan) {
    if (stop.error.kind == ErrorKind::all_backends_limited && plan.attempts() == 0) {
      ASSERT_TRUE(stop.error.retry_after);
      for (std::size_t i = 0; i < route_.size(); ++i) {
        const catalog::Target target{.backend = &route_.backend(i)};
        const auto ready = find_ready_at(target, {.now = now_});
        if (!ready) continue;
        ASSERT_GE(*ready, now_ + *stop.error.retry_after - milliseconds{1}) << "a free backend was not asked";
      }
    }
    const bool nothing_failed = stop.error.kind == ErrorKind::all_backends_limited ||
                                stop.error.kind == ErrorKind::no_backend ||
                                stop.error.kind == ErrorKind::deadline_exceeded;
    EXPECT_TRUE(plan.attempts() > 0 || nothing_failed);
    EXPECT_FALSE(stop.error.message.empty());
    now_ += milliseconds{random_.below(10'000)};
  }

  base::Random random_;
  catalog::Settings settings_;
  TestRoute route_;
  TimePoint now_ = kNow;

 public:
  void run_many() {
    for (int request = 0; request < 20; ++request) ASSERT_NO_FATAL_FAILURE(run());
  }
};

TEST(AttemptPlanProperty, HoldsItsRulesInRandomScenarios) {
  for (std::uint64_t seed = 1; seed <= 2000; ++seed) {
    RandomScenario scenario(seed);
    ASSERT_NO_FATAL_FAILURE(scenario.run_many()) << "seed " << seed;
  }
}

}  // namespace
}  // namespace headworks::routing
