// Timers in slots of one millisecond: a thousand streams at fifty events a second are fifty pushes per slot,
// not a heap. A timer fires at or after its time, in the first millisecond that is over. Loop-owned; timers
// unlink themselves.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <utility>

#include "base/clock.hpp"

namespace headworks::upstream {

class TickWheel;

class TickTimer {
 public:
  TickTimer() = default;
  TickTimer(const TickTimer&) = delete;
  TickTimer& operator=(const TickTimer&) = delete;
  virtual ~TickTimer() { disarm(); }

  bool armed() const { return wheel_ != nullptr; }
  void disarm();

 protected:
  virtual void on_timer(base::TimePoint now) = 0;  // may arm again, or destroy this timer

 private:
  friend class TickWheel;
  TickWheel* wheel_ = nullptr;
  TickTimer* previous_ = nullptr;
  TickTimer* next_ = nullptr;
  std::uint64_t tick_ = 0;
};

class TickWheel {
 public:
  explicit TickWheel(base::TimePoint start) : next_tick_(tick_of(start)) {}

  // A timer that is armed already is moved.
  void arm(TickTimer& timer, base::TimePoint due) {
    timer.disarm();
    timer.tick_ = std::max(tick_of(due + kTick - base::Duration(1)), next_tick_);
    timer.wheel_ = this;
    const std::size_t slot = timer.tick_ % kSlots;
    timer.previous_ = nullptr;
    timer.next_ = slots_[slot];
    if (timer.next_ != nullptr) timer.next_->previous_ = &timer;
    slots_[slot] = &timer;
    occupied_[slot / 64] |= 1ULL << slot % 64;
  }

  // Fires what is due at `now`. A timer armed meanwhile waits for the next tick.
  void advance(base::TimePoint now) {
    for (const std::uint64_t end = tick_of(now) + 1; next_tick_ < end;) {
      const std::uint64_t tick = next_tick_++;
      TickTimer* pending = nullptr;
      for (TickTimer* timer = slots_[tick % kSlots]; timer != nullptr;) {
        TickTimer* const following = timer->next_;
        if (timer->tick_ <= tick) {
          timer->disarm();
          timer->next_ = pending;
          pending = timer;
        }
        timer = following;
      }
      // Firing destroys at most the timer that fires: connections are reaped after the turn.
      while (pending != nullptr) {
        TickTimer* const timer = pending;
        pending = std::exchange(timer->next_, nullptr);
        timer->on_timer(now);
      }
    }
  }

  // Milliseconds until advance() has something to do; -1: never. For epoll_wait.
  int timeout(base::TimePoint now) const {
    for (std::uint64_t tick = next_tick_; tick < next_tick_ + kSlots;) {
      const std::size_t slot = tick % kSlots;
      const std::uint64_t rest = occupied_[slot / 64] >> slot % 64;
      if (rest == 0) {
        tick += 64 - slot % 64;
        continue;
      }
      tick += static_cast<std::uint64_t>(std::countr_zero(rest));
      const auto until = base::TimePoint(kTick * tick) - now;
      return until.count() <= 0 ? 0 : static_cast<int>((until + kTick - base::Duration(1)) / kTick);
    }
    return -1;
  }

 private:
  friend class TickTimer;
  static constexpr base::Duration kTick = std::chrono::milliseconds(1);
  static constexpr std::size_t kSlots = 4096;

  static std::uint64_t tick_of(base::TimePoint at) {
    return static_cast<std::uint64_t>(at.time_since_epoch() / kTick);
  }

  std::array<TickTimer*, kSlots> slots_{};
  std::array<std::uint64_t, kSlots / 64> occupied_{};
  std::uint64_t next_tick_;  // the first that has not fired
};

inline void TickTimer::disarm() {
  if (wheel_ == nullptr) return;
  const std::size_t slot = tick_ % TickWheel::kSlots;
  (previous_ != nullptr ? previous_->next_ : wheel_->slots_[slot]) = next_;
  if (next_ != nullptr) next_->previous_ = previous_;
  if (wheel_->slots_[slot] == nullptr) wheel_->occupied_[slot / 64] &= ~(1ULL << slot % 64);
  wheel_ = nullptr;
  previous_ = next_ = nullptr;
}

}  // namespace headworks::upstream
