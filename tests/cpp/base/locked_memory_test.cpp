// Where secrets live: what the kernel says of the pages, and what is left after they were given back.
#include "base/locked_memory.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/secret.hpp"

namespace headworks::base {
namespace {

// Sanitizers make mlock() do nothing.
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

// The flags of the mapping that holds an address, as /proc/self/smaps lists them.
std::string flags_of(const char* address) {
  std::ifstream maps("/proc/self/smaps");
  bool inside = false;
  for (std::string line; std::getline(maps, line);) {
    std::size_t begin = 0, end = 0;
    if (std::sscanf(line.c_str(), "%zx-%zx ", &begin, &end) == 2)
      inside = reinterpret_cast<std::size_t>(address) >= begin && reinterpret_cast<std::size_t>(address) < end;
    if (inside && line.starts_with("VmFlags:")) return line;
  }
  return {};
}

TEST(LockedMemory, IsLockedAndInNoDump) {
  if (!LockedMemory::all_locked()) GTEST_SKIP() << "this process may lock too little memory";
  for (const std::size_t size : {1UL, 100UL, 4096UL, 100'000UL}) {
    char* data = LockedMemory::take(size);
    ASSERT_TRUE(LockedMemory::all_locked());
    const std::string flags = flags_of(data);
    if (!kSanitized) EXPECT_NE(flags.find(" lo"), std::string::npos) << flags;
    EXPECT_NE(flags.find(" dd"), std::string::npos) << flags;
    LockedMemory::give(data, size);
  }
}

TEST(LockedMemory, GivesEachItsOwn) {
  std::vector<std::pair<char*, std::size_t>> taken;
  for (std::size_t size = 1; size < 9000; size += 37) {
    char* data = LockedMemory::take(size);
    std::memset(data, static_cast<int>(size % 251), size);
    taken.emplace_back(data, size);
  }
  for (const auto& [data, size] : taken) {
    EXPECT_EQ(std::count(data, data + size, static_cast<char>(size % 251)), static_cast<std::ptrdiff_t>(size));
    LockedMemory::give(data, size);
  }
}

TEST(LockedMemory, UsesAgainWhatWasGivenBackAndWipesIt) {
  char* first = LockedMemory::take(64);
  std::memset(first, 'k', 64);
  LockedMemory::give(first, 64);
  char* second = LockedMemory::take(64);
  EXPECT_EQ(second, first);
  EXPECT_EQ(std::count(second, second + 64, 'k'), 0);
  LockedMemory::give(second, 64);
}

TEST(LockedMemory, IsForManyThreads) {
  std::vector<std::thread> threads;
  for (int number = 0; number < 4; ++number)
    threads.emplace_back([number] {
      for (int round = 0; round < 2000; ++round) {
        const std::string text(static_cast<std::size_t>(1 + (round * 7 + number) % 300), static_cast<char>('a' + number));
        Secret secret(text);
        const Secret other = secret.copy();
        ASSERT_EQ(other.reveal(), text);
      }
    });
  for (std::thread& thread : threads) thread.join();
}

TEST(LockedMemoryDeathTest, ReadingPastTheEndOfALargeOneIsAFault) {
  char* data = LockedMemory::take(8192);
  EXPECT_DEATH(static_cast<volatile char*>(data)[8192] = 1, "");
  LockedMemory::give(data, 8192);
}

}  // namespace
}  // namespace headworks::base
