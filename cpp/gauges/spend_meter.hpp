// SpendMeter: one budget of a client key: at most so much money per calendar minute, hour, day or month (UTC).
// The worst case is reserved before a call is sent and settled with the real cost afterwards, so that calls
// in parallel cannot overspend together.
//
// A gauge: one atomic word, callable from every thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>

#include "base/clock.hpp"
#include "base/usage.hpp"

namespace headworks::gauges {

enum class SpendWindow : std::uint8_t { minute, hour, day, month };

// The number of the calendar window that `wall` lies in, counted from 1970, and the moment it ends.
std::uint32_t window_number(SpendWindow window, base::WallTime wall);
base::WallTime window_end(SpendWindow window, base::WallTime wall);

class SpendMeter {
 public:
  explicit SpendMeter(SpendWindow window) : window_(window) {}

  struct Taken {
    std::uint32_t number = 0;  // of the window
    base::MicroUsd cost;
  };

  // Reserves `cost`, which must not be negative; none when limit would be passed. A call without a known cost
  // (0) is refused once the limit is reached.
  std::optional<Taken> take(base::MicroUsd cost, base::MicroUsd limit, base::WallTime wall);
  // The real cost. What was reserved in a window that is over is forgotten with it.
  void settle(const Taken& taken, base::MicroUsd cost);

  base::MicroUsd spent(base::WallTime wall) const;
  // What was spent in the window that `wall` lies in, from before a restart.
  void restore(base::MicroUsd spent, base::WallTime wall);
  SpendWindow window() const { return window_; }

 private:
  const SpendWindow window_;
  // | window number, 24 bits (minutes: modulo 2^24, 31 years) | micro-USD, 40 bits (a million dollars) |
  std::atomic<std::uint64_t> word_{0};
};

}  // namespace headworks::gauges
