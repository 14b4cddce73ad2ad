// Properties of the routing engine over thousands of random scenarios. Each test says how many it runs; a
// failure names the seed.
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <map>

#include "sanitized.hpp"
#include "simulation/simulator.hpp"

namespace headworks::simulation {
namespace {

using base::Duration;
using base::TimePoint;
using routing::FailureClass;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using upstream::Window;
using What = Happening::What;

constexpr Duration kWindow = milliseconds{60'250};

// A few pools of a few backends with anything that can go wrong.
Scenario anything(std::uint64_t seed) {
  base::Random random(seed);
  const auto upto = [&](std::uint64_t most) { return static_cast<std::uint32_t>(random.below(most + 1)); };
  static constexpr FailureClass kOutages[] = {FailureClass::connect, FailureClass::reset, FailureClass::status_5xx,
                                              FailureClass::timeout_first_byte, FailureClass::malformed,
                                              FailureClass::status_auth, FailureClass::html_instead};
  Scenario scenario;
  scenario.seed = seed;
  scenario.settings.retry.max_attempts = 1 + upto(4);
  scenario.settings.queue.max_wait_seconds = upto(2) * 5;
  scenario.settings.queue.max_depth = 1 + upto(50);
  scenario.settings.cooldown.failures = upto(6);
  const auto strategies = catalog::strategy_names();
  for (std::uint32_t pool = 0; pool <= upto(2); ++pool)
    scenario.pools.push_back({.name = "pool" + std::to_string(pool),
                              .strategy = std::string(strategies[random.below(strategies.size())]),
                              .patience_seconds = upto(3) == 0 ? 2.0 : 0.0});
  for (std::uint32_t index = 0; index <= upto(9); ++index) {
    BackendModel model;
    model.row.pool = scenario.pools[random.below(scenario.pools.size())].name;
    model.row.rpm_limit = upto(2) == 0 ? 0 : 1 + upto(20);
    model.row.max_in_flight = upto(4) == 0 ? 1 + upto(3) : 0;
    model.row.weight = 1 + upto(3);
    model.address = upto(1) == 0 ? 0 : 1 + upto(1);
    model.upstream.failing = upto(3) == 0 ? random.unit() / 2 : 0;
    model.upstream.latency = milliseconds{50 + upto(3000)};
    model.upstream.says_when = upto(1) == 0;
    if (upto(2) == 0)
      model.upstream.limit = {.rpm = 1 + upto(20), .window = static_cast<Window>(upto(2))};
    if (upto(2) == 0) {
      const Duration from = seconds{upto(60)};
      model.upstream.outages.push_back(
          {from, from + seconds{1 + upto(40)}, kOutages[random.below(std::size(kOutages))]});
    }
    scenario.backends.push_back(std::move(model));
  }
  scenario.workload = {.per_minute = 20.0 + upto(180),
                       .length = seconds{60},
                       .keys = 1 + upto(4),
                       .obeying = random.unit(),
                       .deadline = seconds{5 + upto(60)}};
  return scenario;
}

class RandomScenario : public testing::TestWithParam<int> {};

// Holds at every step of any scenario; each instance runs a slice of the 10,000 seeds.
class Watch {
 public:
  explicit Watch(std::uint64_t seed) : scenario_(anything(seed)) {
    auto made = Simulator::make(anything(seed));
    simulator_ = std::move(*made);
    simulator_->on_happening([this](const Happening& happening) { look(happening); });
  }

  void run() {
    const Totals totals = simulator_->run();
    EXPECT_EQ(totals.succeeded + totals.refused + totals.failed, totals.requests) << "a request got lost";
    for (std::uint32_t index = 0; index < scenario_.backends.size(); ++index)
      EXPECT_EQ(simulator_->backend(index).gauge->in_flight(), 0U);
  }

 private:
  void look(const Happening& happening) {
    if (happening.what == What::tried) return look_at_try(happening);
    if (happening.what == What::failed) failures_[happening.request] = happening.failure;
    if (happening.what == What::refused) {
      EXPECT_GT(happening.retry_after, Duration::zero());
    }
    if (happening.what != What::gave_up) return;
    EXPECT_NE(happening.error, base::ErrorKind::internal) << "without a cause";
    if (failures_.contains(happening.request)) {
      const base::ErrorKind kind = routing::row_of(failures_[happening.request]).kind;
      EXPECT_TRUE(happening.error == kind || happening.error == base::ErrorKind::deadline_exceeded ||
                  happening.error == base::ErrorKind::no_backend)
          << "the cause is another: " << base::code_of(happening.error);
    }
  }

  void look_at_try(const Happening& happening) {
    const TimePoint now = simulator_->beginning() + happening.at;
    const auto index = static_cast<std::uint32_t>(happening.backend);
    const catalog::BackendEntry& backend = simulator_->backend(index);
    EXPECT_FALSE(backend.gauge->recovery().cooling(now)) << "a request to a backend that cools";
    EXPECT_FALSE(backend.origin->recovery().cooling(now)) << "... or whose origin does";
    EXPECT_LE(++attempts_[happening.request], scenario_.settings.retry.max_attempts);
    if (const std::uint32_t places = scenario_.backends[index].row.max_in_flight; places != 0) {
      EXPECT_LE(backend.gauge->in_flight(), places);
    }
    const std::uint32_t limit = scenario_.backends[index].row.rpm_limit;
    std::deque<Duration>& starts = starts_[index];
    starts.push_back(happening.at);
    while (starts.front() + kWindow <= happening.at) starts.pop_front();
    if (limit != 0) {
      EXPECT_LE(starts.size(), limit) << "more starts in a window than rpm_limit";
    }
  }

  const Scenario scenario_;
  std::unique_ptr<Simulator> simulator_;
  std::map<std::uint64_t, std::uint32_t> attempts_;
  std::map<std::uint64_t, FailureClass> failures_;
  std::map<std::uint32_t, std::deque<Duration>> starts_;
};

TEST_P(RandomScenario, KeepsEveryPromiseAtEveryStep) {
  for (int seed = GetParam() * 1000; seed < (GetParam() + 1) * 1000; seed += kStep) {
    Watch(static_cast<std::uint64_t>(seed) + 1).run();
    if (HasFailure()) {
      FAIL() << "seed " << seed + 1;
    }
  }
}
INSTANTIATE_TEST_SUITE_P(Thousands, RandomScenario, testing::Range(0, 10));

// 500 scenarios: everything is down all the time.
TEST(FullOutage, IsNotMultiplied) {
  for (std::uint64_t seed = 1; seed <= 500; seed += kStep) {
    Scenario scenario = anything(seed);
    for (BackendModel& model : scenario.backends) {
      model.upstream.outages = {{Duration::zero(), std::chrono::hours{100'000}, seed % 2 == 0 ? FailureClass::connect
                                                                              : FailureClass::status_5xx}};
    }
    auto simulator = Simulator::make(std::move(scenario));
    const Totals totals = (*simulator)->run();
    EXPECT_LE(static_cast<double>(totals.attempts), 1.25 * static_cast<double>(totals.requests) + 20) << seed;
    EXPECT_EQ(totals.succeeded, 0U);
  }
}

// 300 scenarios: one bad minute for everybody, in every way it can be bad.
TEST(OneBadMinute, IsOverWithinOneProbeIntervalForEveryBackend) {
  static constexpr FailureClass kWays[] = {FailureClass::connect, FailureClass::reset, FailureClass::status_5xx,
                                           FailureClass::timeout_first_byte, FailureClass::status_429};
  for (std::uint64_t seed = 1; seed <= 300; seed += kStep) {
    Scenario scenario;
    scenario.seed = seed;
    scenario.pools = {{.name = "primary"}};
    scenario.settings.queue.max_wait_seconds = 0;
    for (std::uint64_t index = 0; index < 2 + seed % 6; ++index) {
      BackendModel model;
      model.upstream.latency = milliseconds{100};
      model.upstream.outages = {{minutes{1}, minutes{2}, kWays[(seed + index) % std::size(kWays)]}};
      scenario.backends.push_back(std::move(model));
    }
    const auto count = static_cast<std::uint32_t>(scenario.backends.size());
    scenario.workload = {.per_minute = 1200, .length = minutes{12}};
    auto simulator = *Simulator::make(std::move(scenario));
    std::map<std::int32_t, Duration> rests, first_good;
    simulator->on_happening([&](const Happening& each) {
      if (each.what == What::cooled) rests[each.backend] = each.at + each.retry_after;
      if (each.what == What::succeeded && each.at > minutes{2}) first_good.try_emplace(each.backend, each.at);
    });
    simulator->run();
    for (std::uint32_t index = 0; index < count; ++index) {
      const auto backend = static_cast<std::int32_t>(index);
      ASSERT_TRUE(first_good.contains(backend)) << "backend " << index << " never came back, seed " << seed;
      const Duration due = std::max<Duration>(rests[backend], minutes{2});
      EXPECT_LE(first_good[backend], due + seconds{5}) << "seed " << seed;
      EXPECT_LE(due, minutes{2} + minutes{5}) << "longer out than cooldown.cap_seconds";
    }
  }
}

// 300 scenarios: the provider limits our address, and every key answers 429.
TEST(AddressLimit, LeavesAllKeysAlive) {
  for (std::uint64_t seed = 1; seed <= 300; seed += kStep) {
    Scenario scenario;
    scenario.seed = seed;
    scenario.pools = {{.name = "primary"}};
    scenario.settings.queue.max_wait_seconds = 0;
    const std::uint64_t keys = 3 + seed % 10;
    for (std::uint64_t index = 0; index < keys; ++index) {
      BackendModel model;
      model.address = 1;
      model.upstream.latency = milliseconds{100};
      model.upstream.says_when = seed % 3 != 0;
      scenario.backends.push_back(std::move(model));
    }
    scenario.address_limits = {{.address = 1, .limit = {.rpm = 30, .window = static_cast<Window>(seed % 3)}}};
    scenario.workload = {.per_minute = 600, .length = minutes{5}};
    auto simulator = *Simulator::make(std::move(scenario));
    std::map<std::int32_t, Duration> last_good;
    simulator->on_happening([&](const Happening& each) {
      if (each.what == What::succeeded) last_good[each.backend] = each.at;
    });
    const Totals totals = simulator->run();
    EXPECT_EQ(last_good.size(), keys) << "a key was never called, seed " << seed;
    for (std::uint32_t index = 0; index < keys; ++index) {
      const gauges::BackendGauge& gauge = *simulator->backend(index).gauge;
      EXPECT_LE(gauge.consecutive_429(), 1U) << "a key is blamed, seed " << seed;
    }
    EXPECT_LE(totals.upstream_429, totals.succeeded + 20) << "the address was asked again and again, seed " << seed;
  }
}

}  // namespace
}  // namespace headworks::simulation
