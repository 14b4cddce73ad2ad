// What a plan costs: construction, the first backend chosen and reserved, given back. Two backends with a
// mapping each, beside a thousand with ten each. Medians of interleaved rounds, one thread, in its own CPU time: what else
// the machine does costs it caches, but no turns.
#include <time.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <vector>

#include "routing/attempt_plan.hpp"
#include "routing/strategies.hpp"

namespace {

using namespace headworks;

struct Subject {
  Subject(std::uint32_t backends, std::uint32_t mappings, std::string_view strategy) {
    catalog::Rows rows;
    rows.pools = {{.name = "primary", .strategy = std::string(strategy)}};
    for (std::uint32_t index = 0; index < backends; ++index) {
      catalog::Backend row;
      row.id = row.name = "b" + std::to_string(index);
      row.api_base_url = "http://" + row.name + ".example/v1";
      row.rpm_limit = 1'000'000;
      row.tpm_limit = 1'000'000'000;
      for (std::uint32_t model = 0; model < mappings; ++model)
        row.model_mappings.push_back({.canonical = "model-" + std::to_string(model), .model = "m" + std::to_string(model)});
      rows.backends.push_back(std::move(row));
    }
    snapshot = *catalog::Snapshot::build(std::move(rows), nullptr);
    route = std::make_unique<routing::RouteState>(snapshot->make_route(catalog::Api::openai, "model-0"));
  }
  std::shared_ptr<const catalog::Snapshot> snapshot;
  std::unique_ptr<routing::RouteState> route;
};

double cpu_nanoseconds() {
  timespec used{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) * 1e9 + static_cast<double>(used.tv_nsec);
}

double nanoseconds_per_plan(const Subject& subject, base::Random& random, base::TimePoint now) {
  constexpr int kPlans = 20'000;
  const double began = cpu_nanoseconds();
  for (int plan = 0; plan < kPlans; ++plan) {
    routing::AttemptPlan made(*subject.route, subject.snapshot->settings(), random,
                              {.demand = {.tokens = 100}, .affinity = static_cast<std::uint64_t>(plan) + 1});
    const routing::Step step = made.start(now);
    if (!std::holds_alternative<routing::Try>(step)) std::abort();
  }
  return (cpu_nanoseconds() - began) / kPlans;
}

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
  return values[values.size() / 2];
}

}  // namespace

int main() {
  base::Random random(1);
  std::printf("| strategy | 2 backends, 2 mappings: ns | 1,000 backends, 10,000 mappings: ns | ratio |\n| --- | --: | --: | --: |\n");
  for (const routing::StrategyRow& strategy : routing::strategies()) {
    const Subject few(2, 1, strategy.name), many(1000, 10, strategy.name);
    std::vector<double> of_few, of_many;
    base::TimePoint now{std::chrono::hours{1}};
    for (int round = 0; round < 31; ++round) {
      now += std::chrono::minutes{2};
      of_few.push_back(nanoseconds_per_plan(few, random, now));
      of_many.push_back(nanoseconds_per_plan(many, random, now));
    }
    std::printf("| %s | %.0f | %.0f | %.2f |\n", std::string(strategy.name).c_str(), median(of_few), median(of_many),
                median(of_many) / median(of_few));
  }
}
