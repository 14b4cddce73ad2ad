// Recovery: may this be called? One object each for a backend, for one model on it, and for an origin.
//
// open -> cooling until a moment -> probing: one leased call at a time -> ramping: a slow start -> open.
// A success ends the probing, whoever brings it; a new cooldown begins from anywhere.
//
// A gauge: lock-free, callable from every thread. Takes time as an argument, owns no clock.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/clock.hpp"

namespace headworks::gauges {

class Recovery {
 public:
  enum class Phase : std::uint8_t { open, cooling, probing, ramping };

  // A slow start: over `length` the allowed rate rises from nothing to `per_second`; where no rate is
  // configured (0), every success allows two more calls.
  struct Ramp {
    base::Duration length = std::chrono::seconds{10};
    double per_second = 0;
  };

  // A probe that has not come back by then (a long answer, a lost client) no longer keeps others out.
  static constexpr base::Duration kLease = std::chrono::seconds{5};

  // What enter() said. `probe`: the caller holds the lease, and owes succeed(), cool() or give_up().
  struct Entry {
    Phase phase = Phase::open;  // cooling, probing, ramping: why not, if `admitted` is false
    bool admitted = false;
    bool probe = false;
  };
  Entry enter(base::TimePoint now, const Ramp& ramp);
  // What enter() would say, without entering.
  Entry look(base::TimePoint now, const Ramp& ramp) const;
  // The call that enter() admitted was not made after all, or ended without saying anything about us.
  void give_up(const Entry& entry);

  // The earliest moment at which enter() can succeed if nothing else happens; `now`: at once.
  base::TimePoint ready_at(base::TimePoint now, const Ramp& ramp) const;

  // Why it cools: somebody has limited us, which time heals; or it fails, and nobody knows how long.
  enum class Because : std::uint8_t { limited, failing };
  // Not called before `until`. Only ever extended; false when it already reaches as far.
  bool cool(base::TimePoint until, Because because = Because::limited);
  // The same, but only for the one caller that finds it not cooling at `now`: what happened is his to count. Calls
  // that were under way together fail together, on several threads.
  bool begin(base::TimePoint now, base::TimePoint until, Because because);
  bool failing(base::TimePoint now) const { return cooling(now) && failing_.load(std::memory_order_relaxed); }
  base::TimePoint cooling_until() const {
    return base::TimePoint{base::Duration{until_.load(std::memory_order_acquire)}};
  }
  bool cooling(base::TimePoint now) const { return cooling_until() > now; }
  // A call was answered. True when that ended the probing. One that was sent before the cooldown began and
  // is answered during it says nothing.
  bool succeed(base::TimePoint now);
  // By hand, or because what was wrong is gone: open at once, without probe or slow start.
  void clear();

 private:
  void begun(Because because);
  double allowed(base::Duration elapsed, const Ramp& ramp) const;

  std::atomic<std::int64_t> until_{0};        // 0: open or ramping
  std::atomic<bool> failing_{false};          // why until_ is what it is
  std::atomic<std::int64_t> lease_until_{0};  // of the probe
  std::atomic<std::int64_t> ramp_since_{0};   // 0: no ramp
  std::atomic<std::uint32_t> started_{0};     // since ramp_since_
  std::atomic<std::uint32_t> succeeded_{0};
};

}  // namespace headworks::gauges
