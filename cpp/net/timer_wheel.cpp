#include "net/timer_wheel.hpp"

#include <algorithm>
#include <bit>

namespace headworks::net {

void Timer::arm(TimerWheel& wheel, base::TimePoint deadline) {
  deadline_ = deadline;
  if (wheel_ != nullptr) {
    if (slotted_ <= deadline) return;
    unlink();
  }
  wheel.insert(*this);
}

void Timer::unlink() {
  if (wheel_ != nullptr) wheel_->remove(*this);
}

void TimerWheel::insert(Timer& timer) {
  // Rounded up, so that a slot never fires before its timers are due; never into a slot that has passed.
  const std::uint64_t tick = std::max(tick_of(timer.deadline_ - base::Duration{1}) + 1, next_tick_);
  const std::size_t slot = tick % kSlots;
  timer.slotted_ = timer.deadline_;
  timer.slot_ = static_cast<std::uint16_t>(slot);
  timer.wheel_ = this;
  timer.previous_ = nullptr;
  timer.next_ = slots_[slot];
  if (timer.next_ != nullptr) timer.next_->previous_ = &timer;
  slots_[slot] = &timer;
  occupied_[slot / 64] |= std::uint64_t{1} << (slot % 64);
}

void TimerWheel::remove(Timer& timer) {
  if (timer.previous_ != nullptr) timer.previous_->next_ = timer.next_;
  if (timer.next_ != nullptr) timer.next_->previous_ = timer.previous_;
  if (slots_[timer.slot_] == &timer) {
    slots_[timer.slot_] = timer.next_;
    if (timer.next_ == nullptr) occupied_[timer.slot_ / 64] &= ~(std::uint64_t{1} << (timer.slot_ % 64));
  }
  timer.wheel_ = nullptr;
  timer.previous_ = timer.next_ = nullptr;
}

void TimerWheel::fire_slot(std::size_t slot, base::TimePoint now) {
  for (Timer* timer = slots_[slot]; timer != nullptr;) {
    Timer* next = timer->next_;
    if (timer->deadline_ > now) {
      remove(*timer);
      if (timer->armed()) insert(*timer);
    }
    timer = next;
  }
  // A callback may destroy or re-arm any timer, so every turn looks again from the slot's head.
  for (;;) {
    Timer* due = slots_[slot];
    while (due != nullptr && due->deadline_ > now) due = due->next_;
    if (due == nullptr) return;
    remove(*due);
    due->disarm();
    due->on_expired();
  }
}

void TimerWheel::advance(base::TimePoint now) {
  const std::uint64_t until = tick_of(now);
  if (until < next_tick_) return;
  const std::uint64_t first = next_tick_;
  const std::uint64_t count = std::min<std::uint64_t>(until - first + 1, kSlots);
  next_tick_ = until + 1;  // what is armed from here on goes into slots that are still to come
  for (std::uint64_t tick = first; tick < first + count; ++tick) {
    const std::size_t slot = tick % kSlots;
    if ((occupied_[slot / 64] >> (slot % 64) & 1) != 0) fire_slot(slot, now);
  }
}

std::optional<base::TimePoint> TimerWheel::next_due() const {
  const std::size_t start = next_tick_ % kSlots;
  for (std::size_t step = 0; step <= kSlots / 64; ++step) {
    const std::size_t word = (start / 64 + step) % (kSlots / 64);
    std::uint64_t bits = occupied_[word];
    if (step == 0) bits &= ~std::uint64_t{0} << (start % 64);
    if (step == kSlots / 64) bits &= ~(~std::uint64_t{0} << (start % 64));
    if (bits == 0) continue;
    const std::size_t slot = word * 64 + static_cast<std::size_t>(std::countr_zero(bits));
    const std::uint64_t ahead = (slot + kSlots - start) % kSlots;
    return base::TimePoint{kTick * static_cast<std::int64_t>(next_tick_ + ahead)};
  }
  return std::nullopt;
}

}  // namespace headworks::net
