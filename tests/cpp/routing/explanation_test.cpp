#include "routing/explanation.hpp"

#include <gtest/gtest.h>

#include <string>

#include "route_fixture.hpp"
#include "routing/plan_trace.hpp"

namespace headworks::routing {
namespace {

using base::TimePoint;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr TimePoint kNow{std::chrono::hours{1}};

Explanation explain_at(const TestRoute& route, Asking asking = {}) {
  base::Random random(1);
  asking.now = kNow;
  return explain(route.state(), asking, random);
}

TEST(Explanation, NamesWhoIsOutAndWhyAndWhenEachIsBack) {
  TestRoute route(Tiers{{{.enabled = false}, {}, {.rpm_limit = 1}, {.max_in_flight = 1}, {}}, {{}}});
  route.gauge(1).recovery().cool(kNow + seconds{9});
  ASSERT_TRUE(route.gauge(2).bucket().take(kNow));
  ASSERT_TRUE(route.gauge(3).places().enter(1));
  route.gauge(4).recovery().cool(kNow + seconds{30}, gauges::Recovery::Because::failing);
  const Explanation made = explain_at(route);
  ASSERT_EQ(made.tiers.size(), 2U);
  const auto& first = made.tiers[0].prospects;
  ASSERT_EQ(first.size(), 5U);
  EXPECT_EQ(first[0].out, Out::unusable);
  EXPECT_EQ(first[0].ready_at, std::nullopt);
  EXPECT_EQ(first[1].out, Out::cooling);
  EXPECT_EQ(first[1].ready_at, kNow + seconds{9});
  EXPECT_EQ(first[2].out, Out::bucket);
  EXPECT_EQ(first[2].ready_at, kNow + TestRoute::kWindow);
  EXPECT_EQ(first[3].out, Out::in_flight);
  EXPECT_EQ(first[4].out, Out::failing);
  EXPECT_EQ(first[4].ready_at, kNow + seconds{30});
  EXPECT_EQ(made.tiers[1].prospects[0].out, std::nullopt);
  EXPECT_EQ(made.next, Explanation::Next::attempt);
  EXPECT_EQ(made.pool->name, "pool1");
}

TEST(Explanation, SaysWhenSomebodyIsFreeAgainAndWhetherATierIsWorthWaitingFor) {
  TestRoute route(Tiers{{{}}, {{}}});
  route.gauge(0).recovery().cool(kNow + seconds{3});
  EXPECT_EQ(explain_at(route).next, Explanation::Next::attempt);
  route.pool(0).patience_seconds = 5;
  const Explanation patient = explain_at(route);
  EXPECT_EQ(patient.next, Explanation::Next::wait);
  EXPECT_EQ(patient.earliest, kNow + seconds{3});
  route.pool(0).patience_seconds = 0;
  route.gauge(1).recovery().cool(kNow + seconds{2});
  EXPECT_EQ(explain_at(route).earliest, kNow + seconds{2});
}

TEST(Explanation, NobodyWhoCanServeIsTheEnd) {
  TestRoute route(Tiers{{{.context_tokens = 100}}});
  EXPECT_EQ(explain_at(route, {.least_tokens = 200}).next, Explanation::Next::stop);
  EXPECT_EQ(explain_at(route, {.least_tokens = 200}).tiers[0].prospects[0].out, Out::context);
}

// Whatever state a backend is in, a look says what a take then meets, and changes nothing.
TEST(Explanation, ALookSaysWhatATakeThenMeets) {
  base::Random random(7);
  for (int round = 0; round < 2000; ++round) {
    TestRoute route(Tiers{{{.rpm_limit = 2, .max_in_flight = 2, .tpm_limit = 100}}});
    gauges::BackendGauge& gauge = route.gauge(0);
    gauges::Recovery* model = gauge.take_model(1, kNow);
    std::vector<Held> held;
    TimePoint now = kNow;
    for (int step = 0; step < 12; ++step) {
      now += milliseconds{random.below(4000)};
      gauges::Recovery* const any[] = {&gauge.recovery(), model, &route.backend(0).origin->recovery()};
      gauges::Recovery& recovery = *any[random.below(3)];
      switch (random.below(6)) {
        case 0: recovery.cool(now + milliseconds{random.below(3000)}); break;
        case 1: recovery.succeed(now); break;
        case 2: held.clear(); break;
        default: break;
      }
      const Asking asking{.now = now, .demand = {.tokens = random.below(60)}};
      const catalog::Target& target = route.state().target(0);
      const auto seen = look(target, asking);
      ASSERT_EQ(look(target, asking), seen);
      auto taken = take(target, asking);
      if (auto* got = std::get_if<Held>(&taken)) {
        ASSERT_EQ(seen, std::nullopt);
        held.push_back(std::move(*got));
      } else {
        ASSERT_EQ(seen, std::get<Out>(taken)) << name_of(std::get<Out>(taken));
      }
    }
  }
}

TEST(PlanTrace, CountsByReasonWhatItCannotListAndKeepsTheWaits) {
  PlanTrace trace;
  for (std::uint32_t candidate = 0; candidate < 40; ++candidate)
    trace.pass_over(candidate, candidate < 35 ? Out::cooling : Out::bucket, 1, 0);
  trace.wait(PlanTrace::Kind::turn, seconds{2}, 0);
  ASSERT_EQ(trace.entries().size(), PlanTrace::kRecorded);
  EXPECT_EQ(trace.entries().back().kind, PlanTrace::Kind::turn);
  EXPECT_FLOAT_EQ(trace.entries().back().value, 2);
  EXPECT_EQ(trace.unlisted(Out::cooling), 35U - (PlanTrace::kRecorded - 1));
  EXPECT_EQ(trace.unlisted(Out::bucket), 5U);
  for (int wait = 0; wait < 100; ++wait) trace.wait(PlanTrace::Kind::backoff, seconds{1}, 1);
  EXPECT_EQ(trace.entries().size(), PlanTrace::kRecorded);
}

}  // namespace
}  // namespace headworks::routing
