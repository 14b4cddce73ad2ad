#include "base/request_id.hpp"

#include <gtest/gtest.h>

#include <string>

namespace headworks::base {
namespace {

TEST(RequestId, SaysWhenItBeganAndSortsByIt) {
  Random random(1);
  const WallTime early{std::chrono::milliseconds{1'769'851'800'123}};
  const RequestId first(random, early), second(random, early + std::chrono::milliseconds{1});
  EXPECT_EQ(RequestId::find_start(first.view()), early);
  EXPECT_LT(first.view(), second.view());
  EXPECT_EQ(RequestId::parse(first.view()), first);
}

TEST(RequestId, DiffersWithinOneMillisecond) {
  Random random(1);
  const WallTime now{std::chrono::milliseconds{1'769'851'800'123}};
  EXPECT_NE(RequestId(random, now), RequestId(random, now));
}

TEST(RequestId, IsOfFixedShape) {
  Random random(1);
  for (int time = 0; time < 1000; ++time) {
    const RequestId id(random, WallTime{std::chrono::milliseconds{random.below(1ULL << 42)}});
    EXPECT_EQ(id.view().size(), 26u);
    EXPECT_TRUE(id.view().starts_with("req_"));
    EXPECT_EQ(id.view().find_first_not_of("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", 4),
              std::string_view::npos);
  }
}

TEST(RequestId, OtherTextIsNone) {
  for (const char* text : {"", "req_", "req_0000000000000000000000000", "abc_0000000000000000000000", "req_00000000000000000000-0"})
    EXPECT_EQ(RequestId::parse(text), std::nullopt) << text;
}

}  // namespace
}  // namespace headworks::base
