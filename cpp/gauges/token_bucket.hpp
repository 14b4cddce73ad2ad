// A bucket: at most `limit` starts in any `window`, so that fixed-window, sliding-window and bucket-like
// upstreams all accept what we send, at the full sustained rate.
//
// How: a ring of slots, each of which admits one start per window, no matter which thread asks when. In any
// window every slot then holds at most one start, so the ring holds at most as many as it has slots: that is
// the whole proof, and it needs no agreement between threads about order or time. `head_` only says which
// slot is the oldest, so that a take looks at one slot and the earliest free moment is known. Above
// kExactLimit a slot admits a group of starts per window (`group_` of them): the bound stays exact, the
// sustained rate falls short by at most 0.1 %.
//
// A gauge: lock-free, callable from every thread. Takes time as an argument, owns no clock; its resolution is
// 1 ms, rounded so that two windows never overlap. A bucket without a limit owns no memory.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/clock.hpp"

namespace headworks::gauges {

class TokenBucket {
 public:
  static constexpr std::uint32_t kExactLimit = 4096;

  // limit 0: no limit. window includes the margin for network jitter (60 s + buckets.margin_ms).
  TokenBucket(std::uint32_t limit, base::Duration window);

  // A start that was taken. Give it back by refund() only when nothing was sent. `at` is the moment it counts
  // from: the taker's `now`, or the latest start of the slot if the taker's clock reading was older than
  // that.
  struct Start {
    std::uint32_t slot = 0;
    base::TimePoint at{};
  };

  // Takes one start at `now`; none when `limit` starts lie within the last window.
  std::optional<Start> take(base::TimePoint now);

  // Gives a start back, once: it does not count against the window any more. Never over-admits; a start that
  // is older than a window is not worth refunding and is ignored.
  void refund(const Start& start);

  // The start went out only now (a connection had to be made first): the window counts from here.
  void restamp(Start& start, base::TimePoint now);

  // The earliest moment at which take() can succeed: `now` itself when it would succeed now. Exact to 1 ms:
  // take() succeeds at this moment and fails a nanosecond before it (if no other thread takes or refunds in
  // between).
  base::TimePoint earliest(base::TimePoint now) const;

  // The moments, from `from` on, at which the next `most` takes would succeed if nothing else happened, in no
  // order: at most as many as the limit, because after a window they repeat.
  void append_free(base::TimePoint from, std::uint32_t most, std::vector<base::TimePoint>& out) const;

  // Starts left at `now`, in [0, limit], for display: exact when no other thread takes one meanwhile. Looks at a
  // dozen slots, or at all of them within a window of a refund.
  std::uint32_t level(base::TimePoint now) const;
  std::uint32_t limit() const { return limit_; }
  base::Duration window() const { return base::Duration{std::chrono::milliseconds{window_ms_}}; }

  // The starts of the last window, oldest first, those of one moment together: persisted so that levels survive
  // a restart. restore() keeps the newest ones and REQUIRES that no other thread uses the bucket yet.
  struct Starts {
    base::TimePoint at{};
    std::uint32_t count = 1;
    bool operator==(const Starts&) const = default;
  };
  std::vector<Starts> recent(base::TimePoint now) const;
  void restore(std::span<const Starts> starts);

 private:
  // One word of the ring: | time of the newest start, ms, 41 bits | starts in the group, 21 bits | round, 2
  // bits |
  struct Slot {
    std::int64_t time_ms = 0;
    std::uint32_t used = 0;
    std::uint32_t round = 0;  // how often head_ opened the slot, modulo 4
    std::uint64_t pack() const;
    static Slot unpack(std::uint64_t word);
  };

  std::uint32_t round_of(std::uint64_t head) const { return static_cast<std::uint32_t>(head / slots_) & 3U; }
  bool expired(const Slot& slot, std::int64_t now_ms) const { return slot.time_ms + window_ms_ <= now_ms; }
  bool admit(std::uint32_t index, std::uint64_t seen, Slot& slot, base::TimePoint now);
  static Start start_in(std::uint32_t index, const Slot& slot, base::TimePoint now);
  std::optional<Start> take_anywhere(std::uint64_t head, base::TimePoint now);
  std::int64_t earliest_anywhere() const;
  std::uint32_t level_in_order(std::int64_t now_ms) const;
  void expect_disorder_until(std::int64_t until_ms);

  const std::uint32_t limit_;
  const std::int64_t window_ms_;
  const std::uint32_t group_;  // starts per slot and window
  const std::uint32_t slots_;
  const std::unique_ptr<std::atomic<std::uint64_t>[]> ring_;
  std::atomic<std::uint64_t> head_{0};
  // Until then the slot at head_ may not be the oldest one (a refund left a hole behind it), and a take that
  // finds it blocked looks at the others too.
  std::atomic<std::int64_t> disordered_until_ms_;
};

}  // namespace headworks::gauges
