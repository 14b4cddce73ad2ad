#include "gauges/token_bucket.hpp"

#include <algorithm>
#include <limits>

namespace headworks::gauges {
namespace {

constexpr int kRoundBits = 2;
constexpr int kUsedBits = 21;
constexpr std::uint64_t kRoundMask = (1U << kRoundBits) - 1;
constexpr std::uint64_t kUsedMask = (1U << kUsedBits) - 1;
constexpr std::int64_t kFarMs = std::int64_t{1} << 39;  // 17 years of uptime
constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::min();

std::int64_t floor_ms(base::TimePoint at) {
  return std::clamp<std::int64_t>(
      std::chrono::floor<std::chrono::milliseconds>(at.time_since_epoch()).count(), -kFarMs, kFarMs);
}

std::int64_t ceil_ms(base::TimePoint at) {
  return std::clamp<std::int64_t>(std::chrono::ceil<std::chrono::milliseconds>(at.time_since_epoch()).count(),
                                  -kFarMs, kFarMs);
}

base::TimePoint point_of(std::int64_t ms) { return base::TimePoint{std::chrono::milliseconds{ms}}; }

std::uint32_t group_for(std::uint32_t limit) {
  return limit / TokenBucket::kExactLimit + (limit % TokenBucket::kExactLimit != 0 || limit == 0 ? 1 : 0);
}

}  // namespace

std::uint64_t TokenBucket::Slot::pack() const {
  return static_cast<std::uint64_t>(time_ms) << (kUsedBits + kRoundBits) | std::uint64_t{used} << kRoundBits |
         (round & kRoundMask);
}

TokenBucket::Slot TokenBucket::Slot::unpack(std::uint64_t word) {
  return {.time_ms = static_cast<std::int64_t>(word) >> (kUsedBits + kRoundBits),
          .used = static_cast<std::uint32_t>(word >> kRoundBits & kUsedMask),
          .round = static_cast<std::uint32_t>(word & kRoundMask)};
}

TokenBucket::TokenBucket(std::uint32_t limit, base::Duration window)
    : limit_(limit),
      window_ms_(std::chrono::ceil<std::chrono::milliseconds>(window).count()),
      group_(group_for(limit)),
      slots_(limit / group_),
      ring_(slots_ == 0 ? nullptr : new std::atomic<std::uint64_t>[slots_] {}),
      disordered_until_ms_(kNever) {
  restore({});
}

// A thread whose `now` is older than a start on record is late, not early: its start counts from the recorded
// one.
bool TokenBucket::admit(std::uint32_t index, std::uint64_t seen, Slot& slot, base::TimePoint now) {
  slot.used = expired(slot, floor_ms(now)) ? 1 : slot.used + 1;
  slot.time_ms = std::max(slot.time_ms, ceil_ms(now));
  return ring_[index].compare_exchange_strong(seen, slot.pack(), std::memory_order_acq_rel,
                                              std::memory_order_relaxed);
}

TokenBucket::Start TokenBucket::start_in(std::uint32_t index, const Slot& slot, base::TimePoint now) {
  return {.slot = index, .at = slot.time_ms > ceil_ms(now) ? point_of(slot.time_ms) : now};
}

std::optional<TokenBucket::Start> TokenBucket::take(base::TimePoint now) {
  if (slots_ == 0) return Start{.at = now};
  const std::int64_t now_ms = floor_ms(now);
  for (;;) {
    std::uint64_t head = head_.load(std::memory_order_acquire);
    const auto index = static_cast<std::uint32_t>(head % slots_);
    const std::uint64_t word = ring_[index].load(std::memory_order_acquire);
    Slot slot = Slot::unpack(word);
    const std::uint32_t round = round_of(head);
    const std::uint32_t next_round = (round + 1) & kRoundMask;
    if (slot.round == next_round && slot.used >= group_) {  // another thread has just filled this group
      head_.compare_exchange_strong(head, head + 1, std::memory_order_acq_rel);
      continue;
    }
    const bool opens = slot.round == round && (slot.used == 0 || expired(slot, now_ms));
    if (!opens && slot.round != next_round) {
      if (head_.load(std::memory_order_acquire) != head) continue;
      if (disordered_until_ms_.load(std::memory_order_acquire) > now_ms) return take_anywhere(head, now);
      return std::nullopt;
    }
    slot.round = next_round;
    if (!admit(index, word, slot, now)) continue;
    if (slot.used == group_) head_.compare_exchange_strong(head, head + 1, std::memory_order_acq_rel);
    return start_in(index, slot, now);
  }
}

std::optional<TokenBucket::Start> TokenBucket::take_anywhere(std::uint64_t head, base::TimePoint now) {
  const std::int64_t now_ms = floor_ms(now);
  for (std::uint32_t step = 0; step < slots_; ++step) {
    const auto index = static_cast<std::uint32_t>((head + step) % slots_);
    for (;;) {
      const std::uint64_t word = ring_[index].load(std::memory_order_acquire);
      Slot slot = Slot::unpack(word);  // its round stays: that belongs to head_
      if (slot.used >= group_ && !expired(slot, now_ms)) break;
      if (!admit(index, word, slot, now)) continue;
      expect_disorder_until(slot.time_ms + window_ms_);
      return start_in(index, slot, now);
    }
  }
  return std::nullopt;
}

void TokenBucket::refund(const Start& start) {
  if (slots_ == 0) return;
  const std::int64_t start_ms = ceil_ms(start.at);
  for (;;) {
    std::uint64_t word = ring_[start.slot].load(std::memory_order_acquire);
    const Slot slot = Slot::unpack(word);
    // The groups of a slot lie a window apart, so a start within a window of the newest one is of the same
    // group.
    if (slot.used == 0 || start_ms > slot.time_ms || start_ms <= slot.time_ms - window_ms_) return;
    Slot next = slot;
    next.used = slot.used - 1;
    if (!ring_[start.slot].compare_exchange_weak(word, next.pack(), std::memory_order_acq_rel)) continue;
    // When that moment comes, everything between head_ and the hole has expired, and head_ can walk there.
    expect_disorder_until(slot.time_ms + window_ms_);
    return;
  }
}

void TokenBucket::restamp(Start& start, base::TimePoint now) {
  if (slots_ == 0) return;
  const std::int64_t start_ms = ceil_ms(start.at), now_ms = ceil_ms(now);
  for (;;) {
    std::uint64_t word = ring_[start.slot].load(std::memory_order_acquire);
    Slot slot = Slot::unpack(word);
    if (slot.used == 0 || slot.time_ms >= now_ms || start_ms <= slot.time_ms - window_ms_) return;
    slot.time_ms = now_ms;
    if (!ring_[start.slot].compare_exchange_weak(word, slot.pack(), std::memory_order_acq_rel)) continue;
    start.at = now;
    // Until then a slot behind this one may be free before it.
    expect_disorder_until(now_ms + window_ms_);
    return;
  }
}

void TokenBucket::expect_disorder_until(std::int64_t until_ms) {
  std::int64_t seen = disordered_until_ms_.load(std::memory_order_relaxed);
  while (seen < until_ms &&
         !disordered_until_ms_.compare_exchange_weak(seen, until_ms, std::memory_order_acq_rel)) {
  }
}

base::TimePoint TokenBucket::earliest(base::TimePoint now) const {
  if (slots_ == 0) return now;
  const std::int64_t now_ms = floor_ms(now);
  for (std::uint64_t head = head_.load(std::memory_order_acquire);; ++head) {
    const Slot slot = Slot::unpack(ring_[head % slots_].load(std::memory_order_acquire));
    const std::uint32_t round = round_of(head);
    if (slot.round == ((round + 1) & kRoundMask) && slot.used >= group_)
      continue;  // filled, head_ is about to move
    if (slot.round != round || slot.used == 0 || expired(slot, now_ms)) return now;
    const bool disordered = disordered_until_ms_.load(std::memory_order_acquire) > now_ms;
    const std::int64_t free_ms = disordered ? earliest_anywhere() : slot.time_ms + window_ms_;
    return std::max(now, point_of(free_ms));
  }
}

std::int64_t TokenBucket::earliest_anywhere() const {
  std::int64_t earliest = std::numeric_limits<std::int64_t>::max();
  for (std::uint32_t index = 0; index < slots_; ++index) {
    const Slot slot = Slot::unpack(ring_[index].load(std::memory_order_acquire));
    earliest = std::min(earliest, slot.used < group_ ? -kFarMs : slot.time_ms + window_ms_);
  }
  return earliest;
}

void TokenBucket::append_free(base::TimePoint from, std::uint32_t most, std::vector<base::TimePoint>& out) const {
  const std::size_t before = out.size();
  for (std::uint32_t index = 0; index < slots_; ++index) {
    const Slot slot = Slot::unpack(ring_[index].load(std::memory_order_acquire));
    const base::TimePoint free = slot.used == 0 ? from : std::max(from, point_of(slot.time_ms + window_ms_));
    const std::uint32_t left = slot.used < group_ ? group_ - slot.used : 0;
    out.insert(out.end(), left, from);
    out.insert(out.end(), group_ - left, free);
  }
  if (out.size() - before <= most) return;
  std::nth_element(out.begin() + static_cast<std::ptrdiff_t>(before),
                   out.begin() + static_cast<std::ptrdiff_t>(before + most), out.end());
  out.resize(before + most);
}

std::uint32_t TokenBucket::level(base::TimePoint now) const {
  if (slots_ == 0) return 0;
  const std::int64_t now_ms = floor_ms(now);
  if (disordered_until_ms_.load(std::memory_order_acquire) <= now_ms) return level_in_order(now_ms);
  std::uint32_t level = 0;
  for (std::uint32_t index = 0; index < slots_; ++index) {
    const Slot slot = Slot::unpack(ring_[index].load(std::memory_order_acquire));
    level += expired(slot, now_ms) ? group_ : group_ - std::min(group_, slot.used);
  }
  return level;
}

// From the slot after head_ on the ring goes from the oldest group to the newest, each of them full; the slot at head_
// is the group that is being filled, or the oldest one.
std::uint32_t TokenBucket::level_in_order(std::int64_t now_ms) const {
  const std::uint64_t head = head_.load(std::memory_order_acquire);
  const auto slot_at = [&](std::uint32_t step) {
    return Slot::unpack(ring_[(head + step) % slots_].load(std::memory_order_acquire));
  };
  const Slot first = slot_at(0);
  std::uint32_t expired_until = 1, end = slots_;
  while (expired_until < end) {
    const std::uint32_t middle = expired_until + (end - expired_until) / 2;
    if (expired(slot_at(middle), now_ms)) expired_until = middle + 1;
    else end = middle;
  }
  const std::uint32_t first_left = expired(first, now_ms) ? group_ : group_ - std::min(group_, first.used);
  return first_left + (expired_until - 1) * group_;
}

std::vector<TokenBucket::Starts> TokenBucket::recent(base::TimePoint now) const {
  const std::int64_t now_ms = floor_ms(now);
  std::vector<Starts> starts;
  for (std::uint32_t index = 0; index < slots_; ++index) {
    const Slot slot = Slot::unpack(ring_[index].load(std::memory_order_acquire));
    if (slot.used > 0 && !expired(slot, now_ms)) starts.push_back({point_of(slot.time_ms), slot.used});
  }
  std::sort(starts.begin(), starts.end(), [](const Starts& a, const Starts& b) { return a.at < b.at; });
  return starts;
}

void TokenBucket::restore(std::span<const Starts> starts) {
  if (slots_ == 0) return;
  std::vector<Starts> sorted(starts.begin(), starts.end());
  std::sort(sorted.begin(), sorted.end(), [](const Starts& a, const Starts& b) { return a.at < b.at; });
  std::uint64_t total = 0;
  for (const Starts& some : sorted) total += some.count;
  const std::uint64_t capacity = std::uint64_t{slots_} * group_;
  std::uint64_t skip = total > capacity ? total - capacity : 0;
  const std::uint64_t empty = Slot{.time_ms = -kFarMs}.pack();
  for (std::uint32_t index = 0; index < slots_; ++index) ring_[index].store(empty, std::memory_order_relaxed);
  std::uint64_t placed = 0;
  for (const Starts& some : sorted) {
    const std::uint64_t skipped = std::min<std::uint64_t>(skip, some.count);
    skip -= skipped;
    for (std::uint64_t left = some.count - skipped; left > 0;) {
      std::atomic<std::uint64_t>& word = ring_[placed / group_];
      const std::uint64_t used = placed % group_;
      const std::uint64_t fits = std::min(left, group_ - used);
      const Slot next{
          .time_ms = ceil_ms(some.at), .used = static_cast<std::uint32_t>(used + fits), .round = 1};
      word.store(next.pack(), std::memory_order_relaxed);
      placed += fits;
      left -= fits;
    }
  }
  head_.store(placed / group_, std::memory_order_release);
}

}  // namespace headworks::gauges
