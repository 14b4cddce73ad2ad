// Reservation: one start of a bucket and the tokens the call may use (or neither, where the call is free) and
// one place in flight, taken together and given back by the destructor, whatever happened in between.
//
// Owned by one exchange; movable. REQUIRES that the gauge outlives it (the snapshot that the exchange holds
// does).
#pragma once

#include <boost/system/result.hpp>
#include <cstdint>
#include <optional>
#include <utility>

#include "base/clock.hpp"
#include "gauges/in_flight.hpp"
#include "gauges/token_bucket.hpp"
#include "gauges/token_meter.hpp"

namespace headworks::gauges {

// What a call takes from the buckets: counting tokens, for one, is free.
enum class Charge : std::uint8_t { start, nothing };

struct Demand {
  Charge charge = Charge::start;
  std::uint64_t tokens = 0;  // input and output, as estimated; ignored where the call is free
};

// Why there is no reservation.
enum class Refusal : std::uint8_t { in_flight, bucket, tokens };

class Reservation {
 public:
  // Holds nothing.
  Reservation() = default;

  // All or nothing. `max_in_flight` 0: no bound. Works on any gauge that has bucket(), tokens(), places().
  template <class Gauge>
  static boost::system::result<Reservation, Refusal> take(Gauge& gauge, std::uint32_t max_in_flight,
                                                          base::TimePoint now, const Demand& demand = {}) {
    InFlight& places = gauge.places();
    if (!places.enter(max_in_flight)) return Refusal::in_flight;
    if (demand.charge == Charge::nothing) return Reservation(places);
    const auto start = gauge.bucket().take(now);
    if (!start) {
      places.leave();
      return Refusal::bucket;
    }
    const auto tokens = gauge.tokens().take(demand.tokens, now);
    if (!tokens) {
      gauge.bucket().refund(*start);
      places.leave();
      return Refusal::tokens;
    }
    Reservation held(places);
    held.bucket_ = &gauge.bucket();
    held.meter_ = &gauge.tokens();
    held.start_ = *start;
    held.tokens_ = *tokens;
    return held;
  }

  Reservation(Reservation&& other) noexcept { swap(other); }
  Reservation& operator=(Reservation&& other) noexcept {
    if (this != &other) {
      settle();
      swap(other);
    }
    return *this;
  }
  ~Reservation() { settle(); }

  bool held() const { return places_ != nullptr; }

  // The first byte goes out at `now`: from here on the start is spent, even if the call fails. Upstreams count
  // from here too, not from when the start was taken.
  void mark_sent(base::TimePoint now) {
    sent_ = true;
    if (bucket_ != nullptr && now - start_.at > kSoon) bucket_->restamp(start_, now);
  }
  // What the call really used. Unsaid, a call that was sent used what was reserved.
  void set_used(std::uint64_t tokens) { used_ = tokens; }

  // The end: gives the place back, settles the tokens, and gives the start back too if nothing was sent. A
  // second call does nothing.
  void settle() {
    if (places_ == nullptr) return;
    if (bucket_ != nullptr) {
      if (!sent_) bucket_->refund(start_);
      if (!sent_ || used_) meter_->settle(tokens_, sent_ ? *used_ : 0);
    }
    std::exchange(places_, nullptr)->leave();
  }

 private:
  static constexpr base::Duration kSoon = std::chrono::milliseconds{2};  // well within the window's margin

  explicit Reservation(InFlight& places) : places_(&places) {}

  void swap(Reservation& other) noexcept {
    std::swap(bucket_, other.bucket_);
    std::swap(meter_, other.meter_);
    std::swap(places_, other.places_);
    std::swap(start_, other.start_);
    std::swap(tokens_, other.tokens_);
    std::swap(used_, other.used_);
    std::swap(sent_, other.sent_);
  }

  TokenBucket* bucket_ = nullptr;  // null: the call is free
  TokenMeter* meter_ = nullptr;
  InFlight* places_ = nullptr;  // null: holds nothing
  TokenBucket::Start start_{};
  TokenMeter::Taken tokens_{};
  std::optional<std::uint64_t> used_;
  bool sent_ = false;
};

}  // namespace headworks::gauges
