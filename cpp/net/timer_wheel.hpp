// One timer wheel per loop: a deadline costs a store, never a system call. Deadlines are rounded up to the tick
// (8 ms), so a timer fires at most one tick late and never early.
//
// Re-arming an armed timer to a later deadline only stores it: the timer is moved when its old slot comes by. That is
// the common case, since every read and write pushes its deadline out.
//
// Loop-owned. Timers are intrusive and unlink themselves when destroyed.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "base/clock.hpp"

namespace headworks::net {

class TimerWheel;

class Timer {
 public:
  Timer() = default;
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  virtual ~Timer() { unlink(); }

  // Calls on_expired() once, at or after `deadline`.
  void arm(TimerWheel& wheel, base::TimePoint deadline);
  // Forgets the deadline; O(1) without touching the wheel.
  void disarm() { deadline_ = base::TimePoint::max(); }
  bool armed() const { return deadline_ != base::TimePoint::max(); }

 protected:
  virtual void on_expired() = 0;  // may re-arm, disarm or destroy any timer, also this one

 private:
  friend class TimerWheel;
  void unlink();

  base::TimePoint deadline_ = base::TimePoint::max();
  base::TimePoint slotted_{};  // the deadline that decided the slot
  TimerWheel* wheel_ = nullptr;  // null: not in a slot
  Timer* previous_ = nullptr;
  Timer* next_ = nullptr;
  std::uint16_t slot_ = 0;
};

class TimerWheel {
 public:
  static constexpr base::Duration kTick = std::chrono::milliseconds(8);
  static constexpr std::size_t kSlots = 2048;  // one turn is 16.4 s; longer deadlines pass by more than once

  explicit TimerWheel(base::TimePoint start) : next_tick_(tick_of(start)) {}

  // Fires what is due at `now`.
  void advance(base::TimePoint now);

  // When advance() should be called next; none when no timer is in a slot. May be early (a timer that was pushed out),
  // never late by more than a tick.
  std::optional<base::TimePoint> next_due() const;

 private:
  friend class Timer;
  static std::uint64_t tick_of(base::TimePoint at) {
    return static_cast<std::uint64_t>(at.time_since_epoch().count()) / static_cast<std::uint64_t>(kTick.count());
  }
  void insert(Timer& timer);
  void remove(Timer& timer);
  void fire_slot(std::size_t slot, base::TimePoint now);

  std::array<Timer*, kSlots> slots_{};
  std::array<std::uint64_t, kSlots / 64> occupied_{};
  std::uint64_t next_tick_;  // the first tick not yet fired
};

}  // namespace headworks::net
