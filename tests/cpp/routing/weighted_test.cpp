#include "routing/weighted.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>
#include <thread>
#include <vector>

#include "route_fixture.hpp"
#include "routing/strategies.hpp"

namespace headworks::routing {
namespace {

class Turns {
 public:
  explicit Turns(const std::vector<std::uint32_t>& weights) : route_(Tiers{specs_of(weights)}) {}

  std::uint32_t next(const std::vector<std::uint32_t>& out = {}) {
    TargetSet left(static_cast<std::uint32_t>(route_.size()));
    for (;;) {
      const std::uint32_t index = tier().strategy->propose(left, asked_);
      EXPECT_TRUE(left.contains(index));
      if (std::find(out.begin(), out.end(), index) == out.end()) return index;
      left.erase(index);
    }
  }
  const RouteState::Tier& tier() const { return route_.state().tiers().front(); }

 private:
  static std::vector<BackendSpec> specs_of(const std::vector<std::uint32_t>& weights) {
    std::vector<BackendSpec> specs;
    for (const std::uint32_t weight : weights) specs.push_back({.weight = weight});
    return specs;
  }
  base::Random random_{1};
  Asked asked_{.now = {}, .random = random_};
  TestRoute route_;
};

TEST(Weighted, EveryRoundGivesEachItsShare) {
  const std::vector<std::uint32_t> weights{5, 1, 1, 3};
  Turns turns(weights);
  for (int round = 0; round < 3; ++round) {
    std::map<std::uint32_t, std::uint32_t> count;
    for (int turn = 0; turn < 10; ++turn) ++count[turns.next()];
    for (std::uint32_t target = 0; target < weights.size(); ++target)
      EXPECT_EQ(count[target], weights[target]);
  }
}

TEST(Weighted, IsSmooth) {
  const std::vector<std::uint32_t> weights{6, 3, 1};
  Turns turns(weights);
  std::vector<double> given(weights.size());
  for (int turn = 1; turn <= 200; ++turn) {
    ++given[turns.next()];
    for (std::size_t target = 0; target < weights.size(); ++target)
      EXPECT_LT(std::abs(given[target] - turn * weights[target] / 10.0), 1.5);
  }
}

TEST(Weighted, CommonFactorsAndHugeWeightsMakeNoHugeRounds) {
  Turns common({300, 300});
  EXPECT_NE(common.next(), common.next());
  Turns huge({4'000'000'000, 1'000'000'000});
  std::map<std::uint32_t, int> count;
  for (int turn = 0; turn < 5000; ++turn) ++count[huge.next()];
  EXPECT_NEAR(count[0], 4000, 5);
}

TEST(Weighted, TheShareOfOneThatIsOutIsSpreadOverAllOthers) {
  Turns turns({1, 1, 1, 1, 1});
  std::map<std::uint32_t, int> count;
  for (int turn = 0; turn < 400; ++turn) ++count[turns.next({1})];
  EXPECT_EQ(count[1], 0);
  for (const std::uint32_t target : {0U, 2U, 3U, 4U}) EXPECT_EQ(count[target], 100);
}

TEST(Weighted, ProposesEveryTargetOnceInAWalk) {
  for (const std::vector<std::uint32_t>& weights : {std::vector<std::uint32_t>(200, 1), {9, 1, 1}, {1}}) {
    Turns turns(weights);
    std::vector<std::uint32_t> out;
    for (std::size_t i = 0; i < weights.size(); ++i) out.push_back(turns.next(out));
    EXPECT_EQ(std::set<std::uint32_t>(out.begin(), out.end()).size(), weights.size());
  }
}

TEST(Weighted, ManyLoopsShareOneRound) {
  TestRoute route(Tiers{{{.weight = 3}, {.weight = 1}}});
  std::vector<std::array<int, 2>> counts(4);
  std::vector<std::thread> threads;
  for (auto& count : counts) {
    threads.emplace_back([&] {
      base::Random random(1);
      for (int turn = 0; turn < 1000; ++turn)
        ++count[route.state().tiers()[0].strategy->propose(TargetSet(2), {.now = {}, .random = random})];
    });
  }
  for (std::thread& thread : threads) thread.join();
  int first = 0;
  for (const auto& count : counts) first += count[0];
  EXPECT_EQ(first, 3000);
}

TEST(Strategies, AreFoundByName) {
  for (const StrategyRow& row : strategies()) {
    EXPECT_EQ(find_strategy(row.name), &row);
    EXPECT_FALSE(row.summary.empty());
  }
  EXPECT_EQ(find_strategy("no_such"), nullptr);
}

TEST(Strategies, AreThoseThatTheCatalogAccepts) {
  std::vector<std::string_view> names;
  for (const StrategyRow& row : strategies()) names.push_back(row.name);
  const auto accepted = catalog::strategy_names();
  EXPECT_EQ(names, std::vector<std::string_view>(accepted.begin(), accepted.end()));
}

TEST(TargetSet, GoesRoundAndForgetsWhatIsErased) {
  TargetSet set(130);
  EXPECT_EQ(set.first_from(129), 129U);
  set.erase(129);
  set.erase(129);
  EXPECT_EQ(set.count(), 129U);
  EXPECT_EQ(set.first_from(129), 0U);
  for (std::uint32_t index = 0; index < 130; ++index)
    if (index != 64) set.erase(index);
  EXPECT_EQ(set.first_from(65), 64U);
  EXPECT_EQ(set.first_from(64), 64U);
  set.erase(64);
  EXPECT_TRUE(set.empty());
}

}  // namespace
}  // namespace headworks::routing
