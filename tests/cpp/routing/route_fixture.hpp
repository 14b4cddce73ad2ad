// A route built by hand for the tests of the routing machines: pools and backends without a catalog around
// them.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "catalog/snapshot.hpp"
#include "routing/route_state.hpp"

namespace headworks::routing {

struct BackendSpec {
  std::uint32_t rpm_limit = 0;
  std::uint32_t max_in_flight = 0;
  std::uint32_t tpm_limit = 0;
  std::uint32_t context_tokens = 0;
  std::uint32_t origin = 0;  // backends of one number share an origin; 0: an origin of its own
  std::uint32_t weight = 1;
  bool enabled = true;
};

// One vector per tier.
using Tiers = std::vector<std::vector<BackendSpec>>;

class TestRoute {
 public:
  static constexpr base::Duration kWindow = std::chrono::milliseconds{60'250};

  // Backends are called "0", "1", ... through all tiers.
  explicit TestRoute(const Tiers& tiers, std::string_view strategy = "weighted") {
    catalog::Route route;
    std::size_t count = 0;
    for (const auto& tier : tiers) count += tier.size();
    backends_.reserve(count);
    for (const auto& tier : tiers) {
      pools_.push_back({.name = "pool" + std::to_string(pools_.size())});
      pools_.back().strategy = strategy;
      budgets_.emplace_back();
      route.tiers.push_back({.pool = &pools_.back(), .retries = &budgets_.back(), .targets = {}});
      for (const BackendSpec& spec : tier) route.tiers.back().targets.push_back(add(spec));
    }
    for (catalog::BackendEntry& entry : backends_)
      for (const catalog::BackendEntry& other : backends_)
        if (&entry != &other && entry.origin == other.origin) ++entry.siblings;
    state_ = std::make_unique<RouteState>(std::move(route));
  }

  const RouteState& state() const { return *state_; }
  gauges::BackendGauge& gauge(std::size_t backend) { return *backends_[backend].gauge; }
  catalog::Pool& pool(std::size_t number) { return pools_[number]; }
  gauges::RetryBudget& retries(std::size_t pool) { return budgets_[pool]; }
  std::size_t size() const { return backends_.size(); }
  const catalog::BackendEntry& backend(std::size_t number) const { return backends_[number]; }
  std::span<const catalog::BackendEntry> all() const { return backends_; }

 private:
  catalog::Target add(const BackendSpec& spec) {
    catalog::BackendEntry& entry = backends_.emplace_back();
    entry.index = static_cast<std::uint32_t>(backends_.size() - 1);
    entry.row.id = entry.row.name = std::to_string(entry.index);
    entry.row.rpm_limit = spec.rpm_limit;
    entry.row.max_in_flight = spec.max_in_flight;
    entry.row.weight = spec.weight;
    entry.row.enabled = spec.enabled;
    entry.gauge = std::make_shared<gauges::BackendGauge>(
        gauges::Rates{.rpm = spec.rpm_limit, .tpm = spec.tpm_limit, .window = kWindow});
    auto& origin = origins_[spec.origin == 0 ? 1'000'000 + entry.index : spec.origin];
    if (!origin) origin = std::make_shared<gauges::OriginGauge>();
    entry.origin = origin;
    return {.backend = &entry,
            .model = "model-of-" + entry.row.name,
            .context_tokens = spec.context_tokens,
            .model_hash = entry.index * 2 + 1};
  }

  std::deque<catalog::Pool> pools_;
  std::deque<gauges::RetryBudget> budgets_;
  std::map<std::uint32_t, std::shared_ptr<gauges::OriginGauge>> origins_;
  std::vector<catalog::BackendEntry> backends_;  // never grows past its first capacity
  std::unique_ptr<RouteState> state_;
};

}  // namespace headworks::routing
