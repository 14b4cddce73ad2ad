#include "routing/cooldown_rule.hpp"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace headworks::routing
