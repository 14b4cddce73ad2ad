// SpendMeter: one budget of a client key: at most so much money, so many tokens or requests per calendar minute, hour,
// day or month (UTC). The worst case is reserved before a call is sent and settled with what it was afterwards, so
// that calls in parallel cannot overspend together.
//
// A gauge: one atomic word, callable from every thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>

#include "base/clock.hpp"
#include "base/usage.hpp"

namespace headworks::gauges {

// What a budget is of; money is counted in micro-USD.
enum class SpendOf : std::uint8_t { usd, tokens, requests };
inline constexpr std::size_t kSpendOfs = 3;

// What one call takes from its key's budgets.
struct Spend {
  base::MicroUsd cost;
  std::uint64_t tokens = 0;
  std::uint64_t requests = 0;
  std::int64_t of(SpendOf what) const {
    if (what == SpendOf::usd) return cost.value;
    return static_cast<std::int64_t>(what == SpendOf::tokens ? tokens : requests);
  }
};

enum class SpendWindow : std::uint8_t { minute, hour, day, month };

// The number of the calendar window that `wall` lies in, counted from 1970, and the moment it ends.
std::uint32_t window_number(SpendWindow window, base::WallTime wall);
base::WallTime window_end(SpendWindow window, base::WallTime wall);

class SpendMeter {
 public:
  explicit SpendMeter(SpendWindow window) : window_(window) {}

  struct Taken {
    std::uint32_t number = 0;  // of the window
    std::int64_t amount = 0;
  };

  // Reserves `amount`, which must not be negative; none when limit would be passed. A call without a known cost
  // (0) is refused once the limit is reached.
  std::optional<Taken> take(std::int64_t amount, std::int64_t limit, base::WallTime wall);
  // The real amount. What was reserved in a window that is over is forgotten with it.
  void settle(const Taken& taken, std::int64_t amount);

  std::int64_t spent(base::WallTime wall) const;
  // What was spent in the window that `wall` lies in, from before a restart.
  void restore(std::int64_t spent, base::WallTime wall);
  SpendWindow window() const { return window_; }

 private:
  const SpendWindow window_;
  // | window number, 24 bits (minutes: modulo 2^24, 31 years) | amount, 40 bits (a million dollars, 10^12 tokens) |
  std::atomic<std::uint64_t> word_{0};
};

}  // namespace headworks::gauges
