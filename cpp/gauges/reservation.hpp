// Reservation: one start of a bucket (or none, where the call is free) and one place in flight, taken together
// and given back by the destructor, whatever happened in between.
//
// Owned by one exchange; movable. REQUIRES that the gauge outlives it (the snapshot that the exchange holds
// does).
#pragma once

#include <boost/system/result.hpp>
#include <cstdint>
#include <utility>

#include "base/clock.hpp"
#include "gauges/in_flight.hpp"
#include "gauges/token_bucket.hpp"

namespace headworks::gauges {

// What a call takes from the bucket: counting tokens, for one, is free.
enum class Charge : std::uint8_t { start, nothing };

// Why there is no reservation.
enum class Refusal : std::uint8_t { in_flight, bucket };

class Reservation {
 public:
  // Holds nothing.
  Reservation() = default;

  // Both or neither. `max_in_flight` 0: no bound. Works on any gauge that has bucket() and places().
  template <class Gauge>
  static boost::system::result<Reservation, Refusal> take(Gauge& gauge, std::uint32_t max_in_flight,
                                                          base::TimePoint now, Charge charge = Charge::start) {
    return take(gauge.bucket(), gauge.places(), max_in_flight, now, charge);
  }
  static boost::system::result<Reservation, Refusal> take(TokenBucket& bucket, InFlight& places,
                                                          std::uint32_t max_in_flight, base::TimePoint now,
                                                          Charge charge = Charge::start) {
    if (!places.enter(max_in_flight)) return Refusal::in_flight;
    if (charge == Charge::nothing) return Reservation(nullptr, places, {});
    const auto start = bucket.take(now);
    if (!start) {
      places.leave();
      return Refusal::bucket;
    }
    return Reservation(&bucket, places, *start);
  }

  Reservation(Reservation&& other) noexcept
      : bucket_(other.bucket_),
        places_(std::exchange(other.places_, nullptr)),
        start_(other.start_),
        sent_(other.sent_) {}
  Reservation& operator=(Reservation&& other) noexcept {
    if (this != &other) {
      settle();
      bucket_ = other.bucket_;
      places_ = std::exchange(other.places_, nullptr);
      start_ = other.start_;
      sent_ = other.sent_;
    }
    return *this;
  }
  ~Reservation() { settle(); }

  bool held() const { return places_ != nullptr; }

  // The first byte is about to go out: from now on the start is spent, even if the call fails.
  void mark_sent() { sent_ = true; }

  // The end: gives the place back, and the start too if nothing was sent. A second call does nothing.
  void settle() {
    if (places_ == nullptr) return;
    if (!sent_ && bucket_ != nullptr) bucket_->refund(start_);
    std::exchange(places_, nullptr)->leave();
  }

 private:
  Reservation(TokenBucket* bucket, InFlight& places, const TokenBucket::Start& start)
      : bucket_(bucket), places_(&places), start_(start) {}

  TokenBucket* bucket_ = nullptr;
  InFlight* places_ = nullptr;
  TokenBucket::Start start_{};
  bool sent_ = false;
};

}  // namespace headworks::gauges
