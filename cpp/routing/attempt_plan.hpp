// AttemptPlan: what to do next for one exchange: try this backend, wait, or stop with this error.
//
// The rules, in order: tiers as they stand; inside a tier the strategy's order; a backend that is cooling,
// out of its bucket, out of places or already tried is passed over; after a failure the next one at once; a
// tier's only backend is asked once more after a transient failure; a backend that stayed silent is never
// asked again; never more than retry.max_attempts tries, the first one included; never past the deadline.
//
// Decides only: never sleeps, sends, or looks at a clock. Owned by one exchange on one loop; several plans on
// several loops share the RouteState. No allocation up to 8 attempts (and 1,024 targets in a tier) until it
// stops.
#pragma once

#include <array>
#include <boost/container/small_vector.hpp>
#include <cstdint>
#include <optional>
#include <span>
#include <variant>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/random.hpp"
#include "catalog/snapshot.hpp"
#include "gauges/reservation.hpp"
#include "routing/candidate.hpp"
#include "routing/route_state.hpp"
#include "routing/upstream_failure.hpp"

namespace headworks::routing {

struct PlanLimits {
  base::TimePoint deadline = base::TimePoint::max();
  gauges::Charge charge = gauges::Charge::start;  // nothing: an empty bucket is no reason to pass over a backend
};

// Ask this target now. The reservation holds its bucket start and its place; mark_sent() it with the first
// byte.
struct Try {
  const catalog::Target* target = nullptr;
  const catalog::Pool* pool = nullptr;
  gauges::Reservation reservation;
  std::uint32_t attempt = 0;  // 1 is the first
};

enum class WaitReason : std::uint8_t { backoff };

// Wait this long (at least), then call on_waited().
struct Wait {
  base::Duration duration{};
  WaitReason reason = WaitReason::backoff;
};

// The end. `relay_last_answer`: the last upstream answer is an error worth relaying as it is; if
// error.retry_after is set too (all backends are limited), it is the better value for the answer's
// retry-after.
struct Stop {
  base::Error error;
  bool relay_last_answer = false;
};

using Step = std::variant<Try, Wait, Stop>;

class AttemptPlan {
 public:
  // All three references must outlive the plan.
  AttemptPlan(const RouteState& route, const catalog::Settings& settings, base::Random& random,
              PlanLimits limits);

  // The first step; call once.
  Step start(base::TimePoint now);
  // REQUIRES: the last step was Try, its reservation is settled, and if the failure cools the backend then
  // its gauge knows it already.
  Step on_failure(const UpstreamFailure& failure, base::TimePoint now);
  // REQUIRES: the last step was Wait.
  Step on_waited(base::TimePoint now);

  std::uint32_t attempts() const { return static_cast<std::uint32_t>(tried_.size()); }

  // The candidates that were tried, in order, and those that were passed over with the reason: the first
  // kRecorded of skipped_total().
  static constexpr std::size_t kRecorded = 64;
  std::span<const std::uint32_t> tried() const { return {tried_.data(), tried_.size()}; }
  std::span<const Skipped> skipped() const;
  std::uint32_t skipped_total() const { return skipped_total_; }

 private:
  struct Place {  // of a target in the route
    const RouteState::Tier* tier = nullptr;
    std::uint32_t index = 0;
    std::uint32_t candidate() const { return tier->first + index; }
  };

  Step next(base::TimePoint now);
  std::optional<Try> find_in(const RouteState::Tier& tier, base::TimePoint now);
  std::optional<Try> find_try(Place place, base::TimePoint now);
  std::optional<Wait> find_wait_for_again(const FailureRow& row, base::TimePoint now);
  Stop stop(base::TimePoint now) const;
  Stop stop_limited(base::TimePoint now) const;
  void record(std::uint32_t candidate, Out out);

  const RouteState& route_;
  const catalog::Settings& settings_;
  base::Random& random_;
  const PlanLimits limits_;
  const std::uint32_t max_attempts_;
  Place current_;  // the last one tried
  std::optional<UpstreamFailure> last_failure_;
  boost::container::small_vector<std::uint32_t, 8> tried_;
  std::array<Skipped, kRecorded> skipped_;
  std::uint32_t skipped_total_ = 0;
};

}  // namespace headworks::routing
