// SpendHold: what one exchange may take, reserved in all budgets of its client key at once, and settled with
// what it did take. Owned by one exchange; movable. REQUIRES that the gauge outlives it.
#pragma once

#include <boost/container/small_vector.hpp>
#include <span>
#include <utility>

#include "gauges/client_gauge.hpp"

namespace headworks::gauges {

struct SpendLimit {
  SpendWindow window = SpendWindow::day;
  std::int64_t most = 0;
  SpendOf of = SpendOf::usd;
};

class SpendHold {
 public:
  SpendHold() = default;
  SpendHold(SpendHold&& other) noexcept : held_(std::exchange(other.held_, {})), spent_(other.spent_) {}
  SpendHold& operator=(SpendHold&& other) noexcept {
    if (this != &other) {
      settle();
      held_ = std::exchange(other.held_, {});
      spent_ = other.spent_;
    }
    return *this;
  }
  ~SpendHold() { settle(); }

  // Reserves `most` in every budget, or nothing: then the limit that has no room.
  const SpendLimit* take(ClientGauge& gauge, std::span<const SpendLimit> limits, const Spend& most,
                         base::WallTime wall) {
    for (const SpendLimit& limit : limits) {
      SpendMeter& meter = gauge.spend(limit.window, limit.of);
      const auto taken = meter.take(most.of(limit.of), limit.most, wall);
      if (!taken) {
        settle();
        return &limit;
      }
      held_.push_back({&meter, limit.of, *taken});
    }
    return nullptr;
  }

  // What it took; the settlement's figures.
  void set_spent(const Spend& spent) { spent_ = spent; }

  // Nobody knows what it took: what was reserved is spent.
  void keep() { held_.clear(); }

  void settle() {
    for (const Held& held : held_) held.meter->settle(held.taken, spent_.of(held.of));
    held_.clear();
  }

 private:
  struct Held {
    SpendMeter* meter = nullptr;
    SpendOf of = SpendOf::usd;
    SpendMeter::Taken taken;
  };
  boost::container::small_vector<Held, 2> held_;
  Spend spent_;
};

}  // namespace headworks::gauges
