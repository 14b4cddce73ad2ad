// The routing engine over virtual hours: what it promises must hold whatever happens.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "sanitized.hpp"
#include "simulation/simulator.hpp"

namespace headworks::simulation {
namespace {

using base::Duration;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using upstream::Window;
using What = Happening::What;

// 20 backends x 3 RPM behind upstreams that enforce it in their way.
Scenario twenty_keys(Window window) {
  Scenario scenario;
  scenario.pools = {{.name = "primary"}};
  for (int index = 0; index < 20; ++index) {
    BackendModel model;
    model.row.rpm_limit = 3;
    model.upstream.limit = {.rpm = 3, .window = window};
    scenario.backends.push_back(std::move(model));
  }
  scenario.workload = {.per_minute = 200, .length = minutes{10}};
  return scenario;
}

struct Seen {
  std::vector<Happening> all;
  Totals totals;
};
Seen run(Scenario scenario) {
  auto simulator = Simulator::make(std::move(scenario));
  EXPECT_TRUE(simulator) << simulator.error().message;
  Seen seen;
  (*simulator)->on_happening([&](const Happening& happening) { seen.all.push_back(happening); });
  seen.totals = (*simulator)->run();
  return seen;
}

class TwentyKeys : public testing::TestWithParam<std::tuple<Window, double>> {};

TEST_P(TwentyKeys, TheAllowedSixtyAMinutePassAndNoneIsRefusedUpstream) {
  Scenario scenario = twenty_keys(std::get<0>(GetParam()));
  scenario.workload.obeying = std::get<1>(GetParam());
  const Seen seen = run(std::move(scenario));
  const auto within = std::count_if(seen.all.begin(), seen.all.end(), [](const Happening& each) {
    return each.what == What::tried && each.at < minutes{10};
  });
  EXPECT_EQ(seen.totals.upstream_429, 0U);
  EXPECT_GE(static_cast<double>(within), 0.98 * 600);
  EXPECT_EQ(seen.totals.failed, 0U);
  RecordProperty("tried", static_cast<int>(within));
}

TEST_P(TwentyKeys, WhoObeysIsAdmittedOnTheNextTry) {
  Scenario scenario = twenty_keys(std::get<0>(GetParam()));
  scenario.workload.obeying = std::get<1>(GetParam());
  const Seen seen = run(std::move(scenario));
  EXPECT_EQ(seen.totals.refused_again, 0U) << "of " << seen.totals.came_back;
  if (std::get<1>(GetParam()) == 0) return;
  std::map<std::uint64_t, Duration> arrived;
  std::vector<Duration> waits;
  for (const Happening& each : seen.all) {
    if (!each.came_back) continue;
    if (each.what == What::arrived) arrived[each.request] = each.at;
    if (each.what == What::tried) waits.push_back(each.at - arrived[each.request]);
  }
  std::sort(waits.begin(), waits.end());
  EXPECT_LE(waits[waits.size() * 9 / 10], seconds{5});
  EXPECT_LE(waits.back(), seconds{15});
  EXPECT_GT(seen.totals.came_back, 20U);
  EXPECT_EQ(seen.totals.succeeded_late, seen.totals.came_back);
}

TEST_P(TwentyKeys, ThoseThatWaitAreServedInTheOrderInWhichTheyCame) {
  Scenario scenario = twenty_keys(std::get<0>(GetParam()));
  scenario.workload.obeying = std::get<1>(GetParam());
  const Seen seen = run(std::move(scenario));
  std::set<std::uint64_t> waiting;
  std::uint64_t last = 0;
  int served = 0;
  for (const Happening& each : seen.all) {
    if (each.came_back) continue;  // those stand before all others
    if (each.what == What::waits) waiting.insert(each.request);
    if (each.what != What::tried || !waiting.contains(each.request)) continue;
    EXPECT_GT(each.request, last);
    last = each.request;
    ++served;
  }
  if (std::get<1>(GetParam()) < 0.5) {
    EXPECT_GT(served, 100);
  }
}

INSTANTIATE_TEST_SUITE_P(Upstreams, TwentyKeys,
                         testing::Combine(testing::Values(Window::fixed, Window::sliding, Window::bucket),
                                          testing::Values(0.0, 0.1, 1.0)));

TEST(Simulation, TheSameSeedGivesTheSameTimeline) {
  const Seen one = run(twenty_keys(Window::sliding)), two = run(twenty_keys(Window::sliding));
  ASSERT_EQ(one.all.size(), two.all.size());
  for (std::size_t at = 0; at < one.all.size(); ++at) {
    EXPECT_EQ(one.all[at].at, two.all[at].at);
    EXPECT_EQ(one.all[at].backend, two.all[at].backend);
  }
}

TEST(Simulation, AMillionRequests) {
  Scenario scenario;
  scenario.pools = {{.name = "primary"}, {.name = "fallback"}};
  for (int index = 0; index < 50; ++index) {
    BackendModel model;
    if (index >= 25) model.row.pool = "fallback";
    model.upstream.failing = 0.01;
    scenario.backends.push_back(std::move(model));
  }
  scenario.workload = {.per_minute = 100'000.0 / kStep, .length = minutes{10}, .keys = 20};
  auto simulator = Simulator::make(std::move(scenario));
  ASSERT_TRUE(simulator);
  const Totals totals = (*simulator)->run();
  EXPECT_NEAR(static_cast<double>(totals.requests) * kStep, 1e6, 5e3 * kStep);
  EXPECT_EQ(totals.succeeded + totals.failed + totals.refused, totals.requests);
  EXPECT_GT(static_cast<double>(totals.succeeded), 0.9999 * static_cast<double>(totals.requests));
}

}  // namespace
}  // namespace headworks::simulation
