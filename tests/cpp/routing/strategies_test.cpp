// What every strategy promises, and what each of them is for.
#include "routing/strategies.hpp"

#include <gtest/gtest.h>

#include <array>
#include <map>
#include <set>

#include "route_fixture.hpp"

namespace headworks::routing {
namespace {

constexpr base::TimePoint kNow{std::chrono::hours{1}};

class Tier {
 public:
  Tier(std::string_view strategy, const std::vector<BackendSpec>& specs) : route_(Tiers{specs}) {
    row_ = *route_.state().tiers().front().row;
    for (std::size_t i = 0; i < specs.size(); ++i) prices_.push_back({});
    strategy_ = find_strategy(strategy)->make(row_);
  }
  std::uint32_t propose(const TargetSet& left, std::uint64_t affinity = 0) {
    const std::uint32_t index =
        strategy_->propose(left, {.now = kNow, .random = random_, .affinity = affinity});
    EXPECT_TRUE(left.contains(index));
    return index;
  }
  std::uint32_t first(std::uint64_t affinity = 0) { return propose(all(), affinity); }
  TargetSet all() const { return TargetSet(static_cast<std::uint32_t>(row_.targets.size())); }
  // Makes the strategy again with these prices (0: unknown).
  void set_prices(std::string_view strategy, const std::vector<double>& prices) {
    for (std::size_t i = 0; i < prices.size(); ++i) {
      prices_[i].input = prices_[i].output = prices[i];
      row_.targets[i].price = prices[i] == 0 ? nullptr : &prices_[i];
    }
    strategy_ = find_strategy(strategy)->make(row_);
  }
  TestRoute& route() { return route_; }
  base::Random& random() { return random_; }

 private:
  TestRoute route_;
  catalog::Tier row_;
  std::vector<catalog::Price> prices_;
  std::unique_ptr<Strategy> strategy_;
  base::Random random_{5};
};

TEST(Strategies, EachProposesEveryTargetOnceUntilNoneIsLeft) {
  for (const StrategyRow& row : strategies()) {
    for (const std::uint32_t size : {1U, 2U, 7U, 64U, 65U, 1000U}) {
      Tier tier(row.name, std::vector<BackendSpec>(size));
      TargetSet left = tier.all();
      std::set<std::uint32_t> seen;
      while (!left.empty()) {
        const std::uint32_t index = tier.propose(left, 77);
        EXPECT_TRUE(seen.insert(index).second) << row.name;
        left.erase(index);
      }
      EXPECT_EQ(seen.size(), size) << row.name;
    }
  }
}

TEST(Ordered, AlwaysTheFirstThatIsLeft) {
  Tier tier("ordered", std::vector<BackendSpec>(3));
  for (int time = 0; time < 3; ++time) EXPECT_EQ(tier.first(), 0U);
  TargetSet left = tier.all();
  left.erase(0);
  EXPECT_EQ(tier.propose(left), 1U);
}

TEST(Cheapest, TheLowestPriceFirstAndUnknownOnesLast) {
  Tier tier("cheapest", std::vector<BackendSpec>(4));
  tier.set_prices("cheapest", {3, 0, 1, 2});
  TargetSet left = tier.all();
  for (const std::uint32_t expected : {2U, 3U, 0U, 1U}) {
    EXPECT_EQ(tier.propose(left), expected);
    left.erase(expected);
  }
}

TEST(Cheapest, EqualPricesTakeTurns) {
  Tier tier("cheapest", std::vector<BackendSpec>(4));
  tier.set_prices("cheapest", {1, 5, 1, 1});
  std::map<std::uint32_t, int> count;
  for (int time = 0; time < 64; ++time) ++count[tier.first()];
  EXPECT_EQ(count.count(1), 0U);
  for (const std::uint32_t index : {0U, 2U, 3U}) EXPECT_GT(count[index], 0) << index;
}

TEST(LeastInFlight, TheFewestForItsWeight) {
  Tier tier("least_in_flight", {{}, {.weight = 4}, {}});
  for (int call = 0; call < 2; ++call) tier.route().gauge(0).places().enter(0);
  for (int call = 0; call < 3; ++call) tier.route().gauge(1).places().enter(0);
  tier.route().gauge(2).places().enter(0);
  for (int time = 0; time < 20; ++time) EXPECT_EQ(tier.first(), 1U);  // 3/4 of a call for each unit
}

TEST(LeastInFlight, EqualsAllGetTheirShare) {
  Tier tier("least_in_flight", std::vector<BackendSpec>(5));
  std::map<std::uint32_t, int> count;
  for (int time = 0; time < 1000; ++time) ++count[tier.first()];
  for (std::uint32_t index = 0; index < 5; ++index) EXPECT_GT(count[index], 120) << index;
}

TEST(LeastInFlight, AmongManyTheBusyOnesAreRarelyTaken) {
  Tier tier("least_in_flight", std::vector<BackendSpec>(100));
  for (std::size_t index = 0; index < 50; ++index)
    for (int call = 0; call < 10; ++call) tier.route().gauge(index).places().enter(0);
  int busy = 0;
  for (int time = 0; time < 1000; ++time) busy += tier.first() < 50;
  EXPECT_LT(busy, 120);  // (1/2)^4 of them
}

TEST(Fastest, TheQuickerOfTwoAndLoadCounts) {
  Tier tier("fastest", std::vector<BackendSpec>(2));
  tier.route().gauge(0).observe_first_byte(std::chrono::milliseconds{100}, kNow);
  tier.route().gauge(1).observe_first_byte(std::chrono::milliseconds{250}, kNow);
  for (int time = 0; time < 20; ++time) EXPECT_EQ(tier.first(), 0U);
  for (int call = 0; call < 2; ++call) tier.route().gauge(0).places().enter(0);  // 300 against 250
  for (int time = 0; time < 20; ++time) EXPECT_EQ(tier.first(), 1U);
}

TEST(Fastest, OneWithoutASampleGetsItsChanceButNotEverything) {
  Tier tier("fastest", std::vector<BackendSpec>(2));
  tier.route().gauge(0).observe_first_byte(std::chrono::milliseconds{20}, kNow);
  EXPECT_EQ(tier.first(), 1U);
  for (int call = 0; call < 30; ++call) tier.route().gauge(1).places().enter(0);
  EXPECT_EQ(tier.first(), 0U);
}

TEST(Fastest, SendsMostCallsToTheQuickOnes) {
  Tier tier("fastest", std::vector<BackendSpec>(10));
  for (std::size_t index = 0; index < 10; ++index)
    tier.route().gauge(index).observe_first_byte(std::chrono::milliseconds{index < 5 ? 50 : 500}, kNow);
  int slow = 0;
  for (int time = 0; time < 1000; ++time) slow += tier.first() >= 5;
  EXPECT_LT(slow, 320);  // a quarter: both draws slow
}

TEST(Sticky, TheSameAffinityGoesToTheSameBackendAndThenToTheSameSecond) {
  Tier tier("sticky", std::vector<BackendSpec>(20));
  for (std::uint64_t affinity = 1; affinity < 50; ++affinity) {
    const std::uint32_t home = tier.first(affinity);
    TargetSet left = tier.all();
    left.erase(home);
    const std::uint32_t second = tier.propose(left, affinity);
    for (int time = 0; time < 3; ++time) {
      EXPECT_EQ(tier.first(affinity), home);
      EXPECT_EQ(tier.propose(left, affinity), second);
    }
  }
}

TEST(Sticky, ABackendThatGoesMovesOnlyItsOwn) {
  Tier all("sticky", std::vector<BackendSpec>(10));
  Tier fewer("sticky", std::vector<BackendSpec>(9));  // the same ids but for the last
  int moved = 0;
  for (std::uint64_t affinity = 1; affinity <= 2000; ++affinity) {
    const std::uint32_t before = all.first(affinity);
    if (before == 9) ++moved;
    else EXPECT_EQ(fewer.first(affinity), before);
  }
  EXPECT_GT(moved, 120);
  EXPECT_LT(moved, 280);
}

TEST(Sticky, SharesFollowTheWeights) {
  Tier tier("sticky", {{.weight = 1}, {.weight = 3}});
  int heavy = 0;
  for (std::uint64_t affinity = 1; affinity <= 4000; ++affinity) heavy += tier.first(affinity) == 1;
  EXPECT_NEAR(heavy / 4000.0, 0.75, 0.04);
}

TEST(Sticky, ManyBackendsShareEvenlyToo) {
  Tier tier("sticky", std::vector<BackendSpec>(200));
  std::vector<int> count(200);
  for (std::uint64_t affinity = 1; affinity <= 40'000; ++affinity) ++count[tier.first(affinity)];
  for (const int each : count) EXPECT_NEAR(each, 200, 80);  // the deviation is 14
}

TEST(Sticky, OneOfManyThatGoesMovesAFewShares) {
  Tier all("sticky", std::vector<BackendSpec>(200)), fewer("sticky", std::vector<BackendSpec>(199));
  int moved = 0;
  for (std::uint64_t affinity = 1; affinity <= 20'000; ++affinity)
    moved += all.first(affinity) != fewer.first(affinity);
  EXPECT_LT(moved, 20'000 * 5 / 200);
}

TEST(Sticky, OneOfManyThatIsOutMovesOnlyItsOwn) {
  Tier tier("sticky", std::vector<BackendSpec>(200));
  TargetSet left = tier.all();
  left.erase(17);
  for (std::uint64_t affinity = 1; affinity <= 5000; ++affinity) {
    const std::uint32_t home = tier.first(affinity);
    if (home == 17) continue;
    EXPECT_EQ(tier.propose(left, affinity), home);
  }
}

TEST(Sticky, WithAWholeGroupOutOthersServe) {
  Tier tier("sticky", std::vector<BackendSpec>(100));
  TargetSet left = tier.all();
  for (std::uint32_t index = 0; index < 99; ++index) left.erase(index);
  for (std::uint64_t affinity = 1; affinity <= 200; ++affinity) EXPECT_EQ(tier.propose(left, affinity), 99);
}

TEST(Sticky, WithoutAnAffinityTheyTakeTurns) {
  Tier tier("sticky", std::vector<BackendSpec>(4));
  std::map<std::uint32_t, int> count;
  for (int time = 0; time < 40; ++time) ++count[tier.first()];
  for (std::uint32_t index = 0; index < 4; ++index) EXPECT_EQ(count[index], 10);
}

}  // namespace
}  // namespace headworks::routing
