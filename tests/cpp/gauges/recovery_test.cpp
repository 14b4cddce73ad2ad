#include "gauges/recovery.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "gauges/backend_gauge.hpp"
#include "gauges/origin_gauge.hpp"

namespace headworks::gauges {
namespace {

using base::TimePoint;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Phase = Recovery::Phase;

constexpr TimePoint kNow{std::chrono::hours{1}};
constexpr Recovery::Ramp kRamp{.length = seconds{10}, .per_second = 10};

TEST(Recovery, OneProbeThenASlowStartThenOpen) {
  Recovery recovery;
  EXPECT_TRUE(recovery.enter(kNow, kRamp).admitted);
  EXPECT_TRUE(recovery.cool(kNow + seconds{7}));
  EXPECT_EQ(recovery.enter(kNow + seconds{6}, kRamp).phase, Phase::cooling);
  EXPECT_EQ(recovery.ready_at(kNow, kRamp), kNow + seconds{7});

  const TimePoint back = kNow + seconds{7};
  const Recovery::Entry probe = recovery.enter(back, kRamp);
  EXPECT_TRUE(probe.admitted && probe.probe);
  EXPECT_EQ(recovery.enter(back, kRamp).phase, Phase::probing);
  EXPECT_FALSE(recovery.enter(back + seconds{1}, kRamp).admitted);
  EXPECT_TRUE(recovery.succeed(back + seconds{2}));

  const TimePoint ramp = back + seconds{2};
  int first_second = 0, all = 0;
  for (int ms = 0; ms < 10'000; ++ms) {
    if (!recovery.enter(ramp + milliseconds{ms}, kRamp).admitted) continue;
    ++all;
    if (ms < 1000) ++first_second;
  }
  EXPECT_LE(first_second, 12);  // 1.2 x the configured rate
  EXPECT_GE(all, 45);           // half of what the full rate would have been
  EXPECT_LE(all, 55);
  for (int call = 0; call < 100; ++call) EXPECT_EQ(recovery.enter(ramp + seconds{10}, kRamp).phase, Phase::open);
}

TEST(Recovery, AProbeThatFailsCoolsAgainAndOneThatIsGivenUpLetsTheNextOneTry) {
  Recovery recovery;
  recovery.cool(kNow + seconds{1});
  const TimePoint back = kNow + seconds{1};
  const Recovery::Entry first = recovery.enter(back, kRamp);
  ASSERT_TRUE(first.probe);
  recovery.give_up(first);
  EXPECT_TRUE(recovery.enter(back, kRamp).probe);
  EXPECT_TRUE(recovery.cool(back + seconds{2}));
  EXPECT_FALSE(recovery.enter(back + seconds{1}, kRamp).admitted);
  EXPECT_TRUE(recovery.enter(back + seconds{2}, kRamp).probe);
}

TEST(Recovery, ALostProbeDoesNotKeepOthersOutForEver) {
  Recovery recovery;
  recovery.cool(kNow);
  EXPECT_TRUE(recovery.enter(kNow, kRamp).probe);
  EXPECT_EQ(recovery.ready_at(kNow, kRamp), kNow + Recovery::kLease);
  EXPECT_TRUE(recovery.enter(kNow + Recovery::kLease, kRamp).probe);
}

TEST(Recovery, AnAnswerToWhatWasSentBeforeTheCooldownEndsNothing) {
  Recovery recovery;
  recovery.cool(kNow + seconds{5});
  EXPECT_FALSE(recovery.succeed(kNow + seconds{1}));
  EXPECT_TRUE(recovery.cooling(kNow + seconds{2}));
}

TEST(Recovery, WithoutARateEverySuccessAllowsTwoMore) {
  Recovery recovery;
  const Recovery::Ramp ramp{.length = seconds{10}};
  recovery.cool(kNow);
  ASSERT_TRUE(recovery.enter(kNow, ramp).probe);
  recovery.succeed(kNow);
  const auto admitted = [&] {
    int count = 0;
    while (recovery.enter(kNow, ramp).admitted) ++count;
    return count;
  };
  EXPECT_EQ(admitted(), 2);
  recovery.succeed(kNow);
  recovery.succeed(kNow);
  EXPECT_EQ(admitted(), 4);
}

TEST(Recovery, TheMomentItSaysIsTheMomentItAdmits) {
  Recovery recovery;
  recovery.cool(kNow);
  ASSERT_TRUE(recovery.enter(kNow, kRamp).probe);
  recovery.succeed(kNow);
  TimePoint now = kNow;
  for (int call = 0; call < 40; ++call) {
    while (recovery.enter(now, kRamp).admitted) {
    }
    const TimePoint ready = recovery.ready_at(now, kRamp);
    ASSERT_GT(ready, now);
    EXPECT_FALSE(recovery.enter(ready - milliseconds{1}, kRamp).admitted);
    EXPECT_TRUE(recovery.enter(ready, kRamp).admitted) << call;
    now = ready;
  }
}

TEST(Recovery, ManyThreadsGetOneLease) {
  Recovery recovery;
  recovery.cool(kNow);
  std::atomic<int> probes{0};
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 16; ++thread)
    threads.emplace_back([&] { probes += recovery.enter(kNow, kRamp).probe; });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(probes, 1);
}

TEST(Recovery, ByHandItIsOpenAtOnce) {
  Recovery recovery;
  recovery.cool(kNow + seconds{100});
  recovery.clear();
  EXPECT_EQ(recovery.enter(kNow, kRamp).phase, Phase::open);
}

TEST(BackendGauge, ModelsRestOnTheirOwn) {
  BackendGauge gauge({.window = seconds{60}});
  EXPECT_EQ(gauge.find_model(7), nullptr);
  for (std::uint64_t model = 1; model <= BackendGauge::kModels; ++model) {
    Recovery* rest = gauge.take_model(model, kNow);
    ASSERT_NE(rest, nullptr);
    EXPECT_EQ(gauge.take_model(model, kNow), rest);
    rest->cool(kNow + seconds{10});
  }
  EXPECT_EQ(gauge.take_model(99, kNow), nullptr) << "all places are taken by models that rest";
  EXPECT_EQ(gauge.find_model(99), nullptr);
  EXPECT_NE(gauge.take_model(99, kNow + seconds{11}), nullptr);
  EXPECT_FALSE(gauge.recovery().cooling(kNow));
}

TEST(OriginGauge, ManyKeysWithinSecondsMeanTheAddress) {
  OriginGauge origin;
  EXPECT_FALSE(origin.note_limited(1, 6, kNow));
  EXPECT_FALSE(origin.note_limited(1, 6, kNow + seconds{1}));  // the same key again
  EXPECT_FALSE(origin.note_limited(2, 6, kNow + seconds{2}));
  EXPECT_TRUE(origin.note_limited(3, 6, kNow + seconds{3}));
  EXPECT_TRUE(origin.was_limited(2, kNow + seconds{3}));
  EXPECT_TRUE(origin.note_limited(4, 6, kNow + seconds{50})) << "the same thing again";
}

TEST(OriginGauge, FewKeysOrSlowOnesAreTheirOwn) {
  OriginGauge few;
  EXPECT_FALSE(few.note_limited(1, 2, kNow));
  EXPECT_FALSE(few.note_limited(2, 2, kNow));
  OriginGauge slow;
  for (std::uint32_t key = 0; key < 20; ++key)
    EXPECT_FALSE(slow.note_limited(key, 20, kNow + seconds{6} * key)) << key;
}

}  // namespace
}  // namespace headworks::gauges
