// A route built by hand for the tests of the routing machines: pools and backends without a catalog around
// them.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "catalog/snapshot.hpp"
#include "routing/route_state.hpp"

namespace headworks::routing {

struct BackendSpec {
  std::uint32_t rpm_limit = 0;
  std::uint32_t max_in_flight = 0;
  std::uint32_t weight = 1;
  bool enabled = true;
};

// One vector per tier.
using Tiers = std::vector<std::vector<BackendSpec>>;

class TestRoute {
 public:
  static constexpr base::Duration kWindow = std::chrono::milliseconds{60'250};

  // Backends are called "0", "1", ... through all tiers.
  explicit TestRoute(const Tiers& tiers) {
    catalog::Route route;
    for (const auto& tier : tiers) {
      pools_.push_back({.name = "pool" + std::to_string(pools_.size())});
      route.tiers.push_back({.pool = &pools_.back(), .targets = {}});
      for (const BackendSpec& spec : tier) route.tiers.back().targets.push_back(add(spec));
    }
    state_ = std::make_unique<RouteState>(std::move(route));
  }

  const RouteState& state() const { return *state_; }
  gauges::BackendGauge& gauge(std::size_t backend) { return *backends_[backend].gauge; }
  std::size_t size() const { return backends_.size(); }
  const catalog::BackendEntry& backend(std::size_t number) const { return backends_[number]; }

 private:
  catalog::Target add(const BackendSpec& spec) {
    catalog::BackendEntry& entry = backends_.emplace_back();
    entry.index = static_cast<std::uint32_t>(backends_.size() - 1);
    entry.row.id = entry.row.name = std::to_string(entry.index);
    entry.row.rpm_limit = spec.rpm_limit;
    entry.row.max_in_flight = spec.max_in_flight;
    entry.row.weight = spec.weight;
    entry.row.enabled = spec.enabled;
    entry.gauge = std::make_shared<gauges::BackendGauge>(spec.rpm_limit, kWindow);
    return {.backend = &entry, .model = "model-of-" + entry.row.name};
  }

  std::deque<catalog::Pool> pools_;
  std::deque<catalog::BackendEntry> backends_;
  std::unique_ptr<RouteState> state_;
};

}  // namespace headworks::routing
