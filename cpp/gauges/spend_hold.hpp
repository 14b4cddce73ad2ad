// SpendHold: what one exchange may cost, reserved in all budgets of its client key at once, and settled with
// what it did cost. Owned by one exchange; movable. REQUIRES that the gauge outlives it.
#pragma once

#include <boost/container/small_vector.hpp>
#include <span>
#include <utility>

#include "gauges/client_gauge.hpp"

namespace headworks::gauges {

struct SpendLimit {
  SpendWindow window = SpendWindow::day;
  base::MicroUsd most;
};

class SpendHold {
 public:
  SpendHold() = default;
  SpendHold(SpendHold&& other) noexcept : held_(std::exchange(other.held_, {})), cost_(other.cost_) {}
  SpendHold& operator=(SpendHold&& other) noexcept {
    if (this != &other) {
      settle();
      held_ = std::exchange(other.held_, {});
      cost_ = other.cost_;
    }
    return *this;
  }
  ~SpendHold() { settle(); }

  // Reserves `cost` in every budget, or nothing: then the limit that has no room.
  const SpendLimit* take(ClientGauge& gauge, std::span<const SpendLimit> limits, base::MicroUsd cost,
                         base::WallTime wall) {
    for (const SpendLimit& limit : limits) {
      SpendMeter& meter = gauge.spend(limit.window);
      const auto taken = meter.take(cost, limit.most, wall);
      if (!taken) {
        settle();
        return &limit;
      }
      held_.push_back({&meter, *taken});
    }
    return nullptr;
  }

  // What it costs so far; the settlement's figure.
  void add_cost(base::MicroUsd cost) { cost_.value += cost.value; }

  // Nobody knows what it cost: what was reserved is spent.
  void keep() { held_.clear(); }

  void settle() {
    for (const auto& [meter, taken] : held_) meter->settle(taken, cost_);
    held_.clear();
  }

 private:
  boost::container::small_vector<std::pair<SpendMeter*, SpendMeter::Taken>, 2> held_;
  base::MicroUsd cost_;
};

}  // namespace headworks::gauges
