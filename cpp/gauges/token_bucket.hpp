// A backend's bucket: at most `limit` starts in any `window`, so that fixed-window, sliding-window and bucket-like
// upstreams all accept what we send. Exact (a ring of start times) up to kExactLimit, GCRA above it.
//
// A gauge: lock-free, callable from every thread. Takes time as an argument, owns no clock.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/clock.hpp"

namespace headworks::gauges {

class TokenBucket {
 public:
  static constexpr std::uint32_t kExactLimit = 4096;

  // limit 0: no limit. window includes the margin for network jitter (60 s + buckets.margin_ms).
  TokenBucket(std::uint32_t limit, base::Duration window);

  // A start that was taken. Give it back by refund() only when nothing was sent.
  struct Start {
    std::uint64_t ticket = 0;
    base::TimePoint at{};
  };

  // Takes one start at `now`; none when `limit` starts lie within the last window.
  std::optional<Start> take(base::TimePoint now);

  // Gives a start back: it never counts against the window again. Never over-admits; may be conservative.
  void refund(const Start& start);

  // The earliest moment at which take() can succeed: `now` itself when it would succeed now.
  base::TimePoint earliest(base::TimePoint now) const;

  // Starts left at `now`, in [0, limit]; for display.
  std::uint32_t level(base::TimePoint now) const;
  std::uint32_t limit() const { return limit_; }

  // The starts of the last window, oldest first: persisted so that levels survive a restart. restore() REQUIRES
  // that no other thread uses the bucket yet.
  std::vector<base::TimePoint> recent(base::TimePoint now) const;
  void restore(const std::vector<base::TimePoint>& starts);

 private:
  // ...the implementation's own (see token_bucket.cpp)
  struct Slot;
  std::uint32_t limit_;
  base::Duration window_;
};

}  // namespace headworks::gauges
