// A plan allocates nothing while it tries: counted by this executable's own operator new.
#include <gtest/gtest.h>

#include <cstdlib>
#include <new>

#include "route_fixture.hpp"
#include "routing/attempt_plan.hpp"
#include "routing/strategies.hpp"

namespace {
thread_local std::size_t allocations = 0;
}  // namespace

void* operator new(std::size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace headworks::routing {
namespace {

TEST(PlanAllocation, TriesOverAThousandBackendsAllocateNothing) {
  for (const StrategyRow& strategy : strategies()) {
    TestRoute route(Tiers{std::vector<BackendSpec>(1000, BackendSpec{.rpm_limit = 60})}, strategy.name);
    base::Random random(1);
    const catalog::Settings settings;
    base::TimePoint now{std::chrono::hours{1}};
    const std::size_t before = allocations;
    for (int request = 0; request < 1000; ++request) {
      now += std::chrono::milliseconds{100};
      AttemptPlan plan(route.state(), settings, random, {.affinity = static_cast<std::uint64_t>(request) + 1});
      Step step = plan.start(now);
      ASSERT_TRUE(std::holds_alternative<Try>(step)) << strategy.name;
      step = plan.on_failure({.failure = FailureClass::reset}, now);
      ASSERT_TRUE(std::holds_alternative<Try>(step)) << strategy.name;
      plan.on_success();
    }
    EXPECT_EQ(allocations, before) << strategy.name;
  }
}

}  // namespace
}  // namespace headworks::routing
