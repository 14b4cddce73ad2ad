// The budget as such; what a session does with it is in session_test.cpp.
#include "net/body_memory.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <thread>
#include <vector>

#include "net/buffer_pool.hpp"

namespace headworks::net {
namespace {

constexpr std::uint64_t kMiB = 1 << 20;
constexpr BodyMemory::Limits kLimits{.bytes = 10 * kMiB, .large = kMiB, .large_percent = 80};

TEST(BodyMemory, LargeBodiesAreRefusedAtTheFirstStageTheOthersAtTheLast) {
  BodyMemory memory;
  BodyHold first(memory), large(memory), small(memory), last(memory), one_more(memory);
  EXPECT_TRUE(first.grow_to(6 * kMiB, kLimits));
  EXPECT_FALSE(large.grow_to(2 * kMiB + 1, kLimits));
  EXPECT_TRUE(large.grow_to(2 * kMiB, kLimits)) << "80 % to the byte";
  EXPECT_TRUE(small.grow_to(kMiB, kLimits));
  EXPECT_TRUE(last.grow_to(kMiB, kLimits)) << "all of it";
  EXPECT_FALSE(one_more.grow_to(1, kLimits));
  EXPECT_EQ(memory.bodies(), 10 * kMiB);
}

TEST(BodyMemory, WhoIsAloneAlwaysHasRoom) {
  BodyMemory memory;
  BodyHold hold(memory);
  EXPECT_TRUE(hold.grow_to(8 * kMiB, kLimits));
  EXPECT_TRUE(hold.grow_to(40 * kMiB, kLimits));
  EXPECT_EQ(memory.bodies(), 40 * kMiB);
}

TEST(BodyMemory, WhoMayNotGrowKeepsWhatItHas) {
  BodyMemory memory;
  BodyHold other(memory), growing(memory);
  EXPECT_TRUE(other.grow_to(7 * kMiB, kLimits));
  EXPECT_TRUE(growing.grow_to(kMiB / 2, kLimits));
  EXPECT_TRUE(growing.grow_to(kMiB, kLimits));
  EXPECT_FALSE(growing.grow_to(2 * kMiB, kLimits));
  EXPECT_EQ(memory.bodies(), 8 * kMiB);
  other.release();
  EXPECT_TRUE(growing.grow_to(2 * kMiB, kLimits));
  growing.release();
  growing.release();
  EXPECT_EQ(memory.bodies(), 0U);
}

TEST(BodyMemory, LentBuffersLeaveLessToBodies) {
  BodyMemory memory;
  std::optional<BufferPool> pool(std::in_place);
  memory.add_pool(pool->lent_bytes());
  BodyHold first(memory), second(memory);
  EXPECT_TRUE(first.grow_to(9 * kMiB, kLimits));
  {
    const Buffer read = pool->rent(), head = pool->rent(100), outgrown = pool->rent(40'000);
    EXPECT_EQ(memory.buffers(), BufferPool::kLarge + BufferPool::kSmall) << "the third is its borrower's to count";
    EXPECT_FALSE(second.grow_to(kMiB, kLimits));
  }
  EXPECT_EQ(memory.buffers(), 0U);
  EXPECT_TRUE(second.grow_to(kMiB, kLimits));
  pool.reset();
  EXPECT_EQ(memory.buffers(), 0U);
}

TEST(BodyMemory, IsNeverOverdrawnByLoopsThatTakeAtOnce) {
  BodyMemory memory;
  std::atomic<std::uint64_t> most{0};
  std::atomic<int> taken{0};
  const auto take_often = [&] {
    for (int i = 0; i < 50'000; ++i) {
      BodyHold hold(memory);
      if (!hold.grow_to(3 * kMiB, kLimits)) continue;
      ++taken;
      const std::uint64_t now = memory.bodies();
      for (std::uint64_t seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {
      }
    }
  };
  std::vector<std::thread> loops;
  for (int i = 0; i < 4; ++i) loops.emplace_back(take_often);
  for (std::thread& loop : loops) loop.join();
  EXPECT_GT(taken, 0);
  EXPECT_LE(most, 8 * kMiB);
  EXPECT_EQ(memory.bodies(), 0U);
}

}  // namespace
}  // namespace headworks::net
