// TokenMeter: at most `limit` model tokens in any window. What a call will use is estimated and reserved
// before it is sent, and settled with the real figure afterwards; until a second is wholly out of the window,
// all its tokens count (so the bound is never broken by rounding; the rate falls short by at most 2 %).
//
// How: one counter per second, each tagged with its second, and their sum. Whoever finds an old counter in
// his way takes it out of the sum; admission is one compare-and-swap on the sum.
//
// A gauge: lock-free, callable from every thread. A meter without a limit owns no memory and admits all.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/clock.hpp"

namespace headworks::gauges {

class TokenMeter {
 public:
  // limit 0: no limit.
  TokenMeter(std::uint64_t limit, base::Duration window);

  struct Taken {
    std::uint64_t second = 0;
    std::uint64_t tokens = 0;
  };

  // Reserves `tokens` at `now`; none when they do not fit. A call that is larger than the whole limit goes
  // when nothing else is in the window.
  std::optional<Taken> take(std::uint64_t tokens, base::TimePoint now);
  // The real figure, once (0: nothing was sent). More than was reserved is a debt that the window pays off.
  void settle(const Taken& taken, std::uint64_t used);

  // The earliest moment at which take() can succeed if nothing is settled until then; `now`: at once.
  base::TimePoint earliest(std::uint64_t tokens, base::TimePoint now) const;
  // Tokens left at `now`, for display.
  std::uint64_t level(base::TimePoint now);
  std::uint64_t limit() const { return limit_; }
  base::Duration window() const { return window_; }

  // What counts at the moment, by second: persisted so that levels survive a restart.
  struct Second {
    base::TimePoint at{};
    std::uint64_t tokens = 0;
  };
  std::vector<Second> recent(base::TimePoint now) const;
  // REQUIRES that no other thread uses the meter yet.
  void restore(std::span<const Second> seconds);

 private:
  void expire(std::uint64_t second);
  void add(std::uint64_t second, std::uint64_t tokens);

  const std::uint64_t limit_;
  const base::Duration window_;
  const std::uint32_t slots_;  // seconds that one window can touch
  // One word each: | second, 28 bits | tokens, 36 bits |
  const std::unique_ptr<std::atomic<std::uint64_t>[]> ring_;
  std::atomic<std::uint64_t> swept_{0};  // the second up to which old counters were taken out
  std::atomic<std::int64_t> sum_{0};
};

}  // namespace headworks::gauges
