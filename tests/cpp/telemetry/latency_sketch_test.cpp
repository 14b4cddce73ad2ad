#include "telemetry/latency_sketch.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/random.hpp"

namespace headworks::telemetry {
namespace {

using std::chrono::duration;
using std::chrono::microseconds;

double us_of(base::Duration lasted) { return duration<double, std::micro>(lasted).count(); }

TEST(LatencySketch, NothingHasNoQuantile) {
  LatencySketch empty;
  EXPECT_EQ(empty.count(), 0u);
  EXPECT_EQ(empty.quantile(0.5), base::Duration{});
  EXPECT_TRUE(empty.encode().empty());
}

TEST(LatencySketch, QuantilesAreRightToTwoPercent) {
  base::Random random(7);
  for (int round = 0; round < 50; ++round) {
    LatencySketch sketch;
    std::vector<double> values;
    for (int number = 0; number < 500; ++number) {
      const double us = std::exp(static_cast<double>(random.below(1'000'000)) / 1e6 * 22) + 1;
      values.push_back(us);
      sketch.add(std::chrono::duration_cast<base::Duration>(duration<double, std::micro>(us)));
    }
    std::sort(values.begin(), values.end());
    for (const double q : {0.0, 0.01, 0.5, 0.9, 0.99, 1.0}) {
      const double exact = values[static_cast<std::size_t>(std::max(1.0, std::ceil(q * 500))) - 1];
      EXPECT_NEAR(us_of(sketch.quantile(q)) / exact, 1, 0.0205) << q;
    }
  }
}

// With few values a high quantile is the greatest: 99 of 100 are below it, so of six all are.
TEST(LatencySketch, TheSlowestOfSixIsTheirP99) {
  LatencySketch sketch;
  for (const int ms : {1, 1, 2, 2, 3, 400}) sketch.add(std::chrono::milliseconds{ms});
  EXPECT_NEAR(us_of(sketch.quantile(0.99)), 400e3, 400e3 * 0.0205);
  EXPECT_NEAR(us_of(sketch.quantile(0.5)), 2e3, 2e3 * 0.0205);
}

TEST(LatencySketch, TheSumOfTwoIsTheSketchOfAll) {
  base::Random random(3);
  LatencySketch one, other, all;
  for (int number = 0; number < 1000; ++number) {
    const base::Duration lasted = microseconds{static_cast<std::int64_t>(random.below(3'000'000))};
    (number % 3 == 0 ? one : other).add(lasted);
    all.add(lasted);
  }
  LatencySketch sum;
  EXPECT_TRUE(sum.add_encoded(one.encode()));
  EXPECT_TRUE(sum.add_encoded(other.encode()));
  EXPECT_EQ(sum.encode(), all.encode());
  EXPECT_EQ(sum.count(), 1000u);
}

TEST(LatencySketch, TheEdgesCount) {
  LatencySketch sketch;
  sketch.add(base::Duration{});
  sketch.add(std::chrono::hours{1000});
  EXPECT_EQ(sketch.count(), 2u);
  EXPECT_EQ(sketch.quantile(0), base::Duration{});
  EXPECT_GT(sketch.quantile(1), std::chrono::hours{4});
}

TEST(LatencySketch, OtherBytesAreRefusedWhole) {
  LatencySketch sketch;
  sketch.add(microseconds{5});
  const auto before = sketch.encode();
  for (const std::vector<std::uint8_t>& bytes :
       {std::vector<std::uint8_t>{1}, {0x80}, {1, 1, 0, 1}, {0xff, 0x7f, 1}, {1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1}}) {
    EXPECT_FALSE(sketch.add_encoded(bytes));
    EXPECT_EQ(sketch.encode(), before);
  }
  base::Random random(1);
  for (int round = 0; round < 2000; ++round) {
    std::vector<std::uint8_t> bytes(random.below(12));
    for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random.below(256));
    LatencySketch any;
    any.add_encoded(bytes);
    any.quantile(0.5);
  }
}

}  // namespace
}  // namespace headworks::telemetry
