#include "routing/cooldown_rule.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "route_fixture.hpp"

namespace headworks::routing {
namespace {

using base::Duration;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(CooldownRule, TakesTheUpstreamAtItsWordWithinTheCap) {
  struct Row {
    Duration hint, expected;
  };
  const Row rows[] = {
      {seconds{7}, seconds{7}},      {milliseconds{12}, milliseconds{12}}, {hours{2}, seconds{600}},
      {seconds{0}, seconds{1}},      {-hours{24 * 365 * 30}, seconds{1}},  {Duration::max(), seconds{600}},
      {Duration::min(), seconds{1}}, {seconds{600}, seconds{600}}};
  base::Random random(1);
  for (const Row& row : rows) {
    for (const std::uint32_t consecutive : {1U, 9U}) {
      EXPECT_EQ(cooldown_after_429({}, consecutive, RetryHint{.after = row.hint}, random), row.expected)
          << row.hint.count();
    }
  }
}

TEST(CooldownRule, DoublesWithoutAHintUntilTheCap) {
  base::Random random(1);
  catalog::Settings::Cooldown settings;
  settings.jitter_percent = 0;
  std::uint32_t consecutive = 1;
  for (const int expected : {2, 4, 8, 16, 32, 64, 128, 256, 300, 300}) {
    EXPECT_EQ(cooldown_after_429(settings, consecutive++, std::nullopt, random), seconds{expected});
  }
  EXPECT_EQ(cooldown_after_429(settings, 4'000'000'000, std::nullopt, random), seconds{300});
  EXPECT_EQ(cooldown_after_429(settings, 0, std::nullopt, random), seconds{2});
}

TEST(CooldownRule, SpreadsByTheJitterOnly) {
  base::Random random(1);
  Duration least = hours{1}, most{};
  for (int draw = 0; draw < 1000; ++draw) {
    const Duration duration = cooldown_after_429({}, 2, std::nullopt, random);
    least = std::min(least, duration);
    most = std::max(most, duration);
  }
  EXPECT_GE(least, milliseconds{3600});
  EXPECT_LT(least, milliseconds{3650});
  EXPECT_LE(most, milliseconds{4400});
  EXPECT_GT(most, milliseconds{4350});
}

constexpr base::TimePoint kNow{hours{1}};

// Failures of backends of a route, told as "scope cause seconds source".
class Met {
 public:
  explicit Met(const Tiers& tiers) : route_(tiers) { settings.jitter_percent = 0; }

  std::string fail(std::size_t backend, UpstreamFailure failure, const Passage& passage = {}) {
    const auto cooldown =
        note_failure(target(backend), passage, failure, route_.all(), settings, random_, now);
    if (!cooldown) return "nothing";
    return std::string(name_of(cooldown->scope)) + " " + std::string(name_of(cooldown->cause)) + " " +
           std::to_string(std::chrono::duration_cast<seconds>(cooldown->duration).count()) + " " +
           std::string(name_of(cooldown->source));
  }
  std::string limited(std::size_t backend, dialect::LimitScope scope = dialect::LimitScope::backend,
                      std::optional<Duration> after = std::nullopt) {
    UpstreamFailure failure{.failure = FailureClass::status_429, .status = 429, .scope = scope};
    if (after) failure.retry_hint = RetryHint{.after = *after};
    return fail(backend, failure);
  }
  const catalog::Target& target(std::size_t backend) { return route_.state().target(static_cast<std::uint32_t>(backend)); }
  bool free(std::size_t backend) {
    return std::holds_alternative<Held>(take(target(backend), {.now = now}));
  }
  TestRoute& route() { return route_; }

  catalog::Settings::Cooldown settings;
  base::TimePoint now = kNow;

 private:
  TestRoute route_;
  base::Random random_{1};
};

TEST(NoteFailure, A429CoolsTheBackendAndASuccessForgetsIt) {
  Met met(Tiers{{{}, {}}});
  EXPECT_EQ(met.limited(0, dialect::LimitScope::backend, seconds{7}), "backend rate_limited 7 header");
  EXPECT_FALSE(met.free(0));
  EXPECT_TRUE(met.free(1));
  met.now += seconds{7};
  EXPECT_TRUE(met.free(0));  // the probe
  EXPECT_TRUE(note_success(met.target(0), met.now).backend);
  EXPECT_EQ(met.route().gauge(0).consecutive_429(), 0U);
}

TEST(NoteFailure, AnswersToCallsThatWereUnderWayAreNotTheNextInARow) {
  Met met(Tiers{{{}}});
  EXPECT_EQ(met.limited(0), "backend rate_limited 2 formula");
  for (int call = 0; call < 9; ++call) EXPECT_EQ(met.limited(0), "nothing");
  EXPECT_EQ(met.limited(0, dialect::LimitScope::backend, seconds{30}), "backend rate_limited 30 header");
  met.now += seconds{30};
  EXPECT_EQ(met.limited(0), "backend rate_limited 4 formula");
}

TEST(NoteFailure, AModelsLimitLeavesTheBackendsOtherModelsAlone) {
  Met met(Tiers{{{}}});
  EXPECT_EQ(met.limited(0, dialect::LimitScope::model, seconds{20}), "model rate_limited 20 header");
  EXPECT_FALSE(met.free(0));
  catalog::Target other = met.target(0);
  other.model_hash = catalog::model_hash("another");
  EXPECT_TRUE(std::holds_alternative<Held>(take(other, {.now = met.now})));
}

TEST(NoteFailure, AnEmptyAccountRestsLong) {
  Met met(Tiers{{{}}});
  EXPECT_EQ(met.limited(0, dialect::LimitScope::quota), "backend quota 600 formula");
}

TEST(NoteFailure, ManySiblingsLimitedWithinSecondsIsTheAddressAndNoKeyIsToBlame) {
  Met met(Tiers{{{.origin = 1}, {.origin = 1}, {.origin = 1}, {.origin = 1}, {}}});
  EXPECT_EQ(met.limited(0), "backend rate_limited 2 formula");
  met.now += seconds{1};
  EXPECT_EQ(met.limited(1), "backend rate_limited 2 formula");
  met.now += seconds{1};
  EXPECT_EQ(met.limited(2, dialect::LimitScope::backend, seconds{9}), "address rate_limited 9 header");
  for (std::size_t key = 0; key < 4; ++key) {
    EXPECT_FALSE(met.free(key));
    EXPECT_FALSE(met.route().gauge(key).recovery().cooling(met.now)) << "key " << key << " is blamed";
    EXPECT_EQ(met.route().gauge(key).consecutive_429(), 0U);
  }
  EXPECT_TRUE(met.free(4)) << "another origin";
  met.now += seconds{9};
  EXPECT_TRUE(met.free(3)) << "one of them finds out";
}

TEST(NoteFailure, AnAnswerThatSaysItIsTheAddressIsBelievedAtOnce) {
  Met met(Tiers{{{.origin = 1}, {.origin = 1}}});
  EXPECT_EQ(met.limited(0, dialect::LimitScope::address, seconds{5}), "address rate_limited 5 header");
  EXPECT_FALSE(met.free(1));
}

TEST(NoteFailure, ARefusedKeyIsQuarantined) {
  Met met(Tiers{{{}, {}}});
  EXPECT_EQ(met.fail(0, {.failure = FailureClass::status_auth, .status = 401}), "backend auth 600 formula");
  EXPECT_FALSE(met.free(0));
}

TEST(NoteFailure, CallsThatFailTogetherOnSeveralThreadsAreOneEvent) {
  for (const FailureClass failure : {FailureClass::status_auth, FailureClass::status_429}) {
    for (int round = 0; round < 100; ++round) {
      TestRoute route(Tiers{{{}}});
      std::atomic<int> begun{0};
      std::vector<std::thread> threads;
      for (std::uint64_t seed = 1; seed <= 4; ++seed)
        threads.emplace_back([&, seed] {
          base::Random random(seed);
          const Passage passage;
          const auto cooldown = note_failure(route.state().target(0), passage, {.failure = failure}, route.all(), {},
                                             random, base::TimePoint{std::chrono::hours{1}});
          if (!cooldown) return;
          ++begun;
          EXPECT_EQ(cooldown->consecutive, 1u);
        });
      for (std::thread& thread : threads) thread.join();
      ASSERT_EQ(begun, 1);
    }
  }
}

TEST(NoteFailure, FailuresInARowEjectAndEachTimeForLonger) {
  Met met(Tiers{{{}}});
  const auto row = [&](FailureClass failure) {
    std::string last;
    for (int time = 0; time < 5 && (last.empty() || last == "nothing"); ++time) last = met.fail(0, {.failure = failure});
    return last;
  };
  EXPECT_EQ(row(FailureClass::status_5xx), "backend failing 30 formula");
  met.now += seconds{31};
  met.route().gauge(0).recovery().clear();
  EXPECT_EQ(row(FailureClass::reset), "backend failing 60 formula");
  met.now += seconds{61};
  met.route().gauge(0).clear();
  EXPECT_EQ(met.fail(0, {.failure = FailureClass::connect}), "nothing");
  EXPECT_EQ(met.fail(0, {.failure = FailureClass::connect}), "nothing");
  EXPECT_EQ(met.fail(0, {.failure = FailureClass::connect}), "backend failing 30 formula");  // they count twice
}

TEST(NoteFailure, ASuccessInBetweenOrTimeEndsTheRow) {
  Met met(Tiers{{{}}});
  for (int time = 0; time < 4; ++time) EXPECT_EQ(met.fail(0, {.failure = FailureClass::status_5xx}), "nothing");
  note_success(met.target(0), met.now);
  for (int time = 0; time < 4; ++time) EXPECT_EQ(met.fail(0, {.failure = FailureClass::status_5xx}), "nothing");
  met.now += seconds{31};
  for (int time = 0; time < 4; ++time) EXPECT_EQ(met.fail(0, {.failure = FailureClass::status_5xx}), "nothing");
  met.settings.failures = 0;
  for (int time = 0; time < 40; ++time) EXPECT_EQ(met.fail(0, {.failure = FailureClass::status_5xx}), "nothing");
}

TEST(NoteFailure, AProbeThatFailsTakesItOutAtOnce) {
  Met met(Tiers{{{}}});
  met.limited(0, dialect::LimitScope::backend, seconds{1});
  met.now += seconds{1};
  auto taken = take(met.target(0), {.now = met.now});
  auto& held = std::get<Held>(taken);
  EXPECT_TRUE(held.passage.probes(met.route().gauge(0).recovery()));
  EXPECT_EQ(met.fail(0, {.failure = FailureClass::status_5xx}, held.passage), "backend failing 30 formula");
}

TEST(NoteFailure, AClientThatGaveTooLittleTimeBlamesNobody) {
  Met met(Tiers{{{}}});
  for (int time = 0; time < 40; ++time)
    EXPECT_EQ(met.fail(0, {.failure = FailureClass::timeout_total, .blames_upstream = false}), "nothing");
}

}  // namespace
}  // namespace headworks::routing
