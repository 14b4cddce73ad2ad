// Keys as the data plane judges them: what the time of a refusal tells.
#include "gateway/authenticate.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/random.hpp"

namespace headworks::gateway {
namespace {

constexpr std::string_view kKey = "hw_key_0123456789abcdefghijABCDEFGHIJ0123456789abc_Aa1Bb2";
constexpr int kSamples = 100'000;

struct Samples {
  double sum = 0, squares = 0;
  double count = 0;
  void add(double value) {
    sum += value;
    squares += value * value;
    ++count;
  }
  double mean() const { return sum / count; }
  double variance() const { return (squares - sum * sum / count) / (count - 1); }
};

// Welch's t of two groups of times, without the slowest tenth: what was interrupted says nothing.
double welch(const std::vector<std::pair<bool, double>>& times) {
  std::vector<double> sorted;
  for (const auto& [group, time] : times) sorted.push_back(time);
  std::sort(sorted.begin(), sorted.end());
  const double longest = sorted[sorted.size() * 9 / 10];
  Samples groups[2];
  for (const auto& [group, time] : times)
    if (time <= longest) groups[group ? 1 : 0].add(time);
  return (groups[0].mean() - groups[1].mean()) /
         std::sqrt(groups[0].variance() / groups[0].count + groups[1].variance() / groups[1].count);
}

class Authenticate : public testing::Test {
 protected:
  Authenticate() : hasher_({7}) {
    catalog::Rows rows;
    rows.pools = {{.name = "primary"}};
    catalog::ClientKey row;
    row.id = "key_1";
    row.name = "app";
    row.digest = hasher_.digest(kKey);
    rows.client_keys.push_back(std::move(row));
    snapshot_ = *catalog::Snapshot::build(std::move(rows), nullptr);
  }

  bool opens(std::string_view key) const {
    const std::string header = "Bearer " + std::string(key);
    wire::RequestHead head;
    head.fields.push_back({"authorization", header, wire::traits_of("authorization")});
    return static_cast<bool>(authenticate(head, *snapshot_, hasher_, {}));
  }

  vault::ClientKeyHasher hasher_;
  std::shared_ptr<const catalog::Snapshot> snapshot_;
};

TEST_F(Authenticate, OnlyTheWholeKeyOpens) {
  EXPECT_TRUE(opens(kKey));
  for (std::size_t at = 0; at < kKey.size(); ++at) {
    std::string wrong(kKey);
    wrong[at] = wrong[at] == 'x' ? 'y' : 'x';
    EXPECT_FALSE(opens(wrong)) << at;
    EXPECT_FALSE(opens(kKey.substr(0, at))) << at;
  }
}

// A key that is wrong in its first character against one that is wrong in its last, in random order: |t| < 4.5.
TEST_F(Authenticate, TheTimeTellsNothing) {
  std::string wrong[2] = {std::string(kKey), std::string(kKey)};
  wrong[0].front() = 'x';
  wrong[1].back() = 'x';
  base::Random random(11);
  std::vector<std::pair<bool, double>> times;
  times.reserve(2 * kSamples);
  for (int i = 0; i < 2 * kSamples; ++i) {
    const bool group = random.below(2) == 1;
    const auto begin = std::chrono::steady_clock::now();
    const bool opened = opens(wrong[group ? 1 : 0]);
    const auto took = std::chrono::steady_clock::now() - begin;
    ASSERT_FALSE(opened);
    times.emplace_back(group, static_cast<double>(took.count()));
  }
  const double t = welch(times);
  RecordProperty("t", std::to_string(t));
  EXPECT_LT(std::abs(t), 4.5);
}

}  // namespace
}  // namespace headworks::gateway
