// AttemptPlan: what to do next for one exchange: try this backend, wait, or stop with this error.
//
// The rules, in order: tiers as they stand (with the patience each asks for); inside a tier the strategy's
// order; a backend that rests, is out of its buckets or places, too small or too slow is passed over; after a
// failure the next one at once; a tier's only backend is asked once more after a transient failure; a backend
// that stayed silent is never asked again; never more than retry.max_attempts tries, the first one included;
// retries in a pool only as far as its retry budget goes, then in the pools behind it; never past the deadline. When nobody is free, it is
// for the waiting line to say when.
//
// Decides only: never sleeps, sends, or looks at a clock. Owned by one exchange on one loop; several plans on
// several loops share the RouteState. No allocation up to 8 attempts (and 1,024 targets in a tier) until it
// stops.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <variant>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/random.hpp"
#include "catalog/snapshot.hpp"
#include "routing/selection.hpp"
#include "routing/upstream_failure.hpp"

namespace headworks::routing {

struct PlanLimits {
  base::TimePoint deadline = base::TimePoint::max();
  gauges::Demand demand = {};      // charge nothing: an empty bucket is no reason to pass over a backend
  std::uint64_t least_tokens = 0;  // the request is at least so long
  std::uint64_t affinity = 0;      // see Asked
};

// Ask this target now. The reservation holds its bucket start, tokens and place, the passage its right to be
// called while it comes back; mark_sent() both with the first byte.
struct Try {
  const catalog::Target* target = nullptr;
  const catalog::Pool* pool = nullptr;
  gauges::Reservation reservation;
  Passage passage;
  std::uint32_t attempt = 0;  // 1 is the first
  double score = 0;           // why it came before others, see StrategyRow::measure
  // Not to be waited for longer than this for the first byte: what is left of the deadline is shared with the
  // attempts that may follow.
  base::Duration first_byte_slice = base::Duration::max();
};

enum class WaitReason : std::uint8_t {
  backoff,  // this long (at least), then on_waited()
  turn,     // in the waiting line, then on_turn() or on_refused()
};

struct Wait {
  base::Duration duration{};  // turn: until somebody can be free at the earliest
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

// What somebody else thinks of a failure: stop whatever the table says, or try again (the same backend when there is no
// other) as far as attempts and deadline go.
enum class Advice : std::uint8_t { none, stop, retry };

class AttemptPlan {
 public:
  // All three references must outlive the plan.
  AttemptPlan(const RouteState& route, const catalog::Settings& settings, base::Random& random,
              const PlanLimits& limits);

  // The first step; call once.
  Step start(base::TimePoint now);
  // REQUIRES: the last step was Try, its reservation is settled, and if the failure cools the backend then
  // its gauge knows it already.
  Step on_failure(const UpstreamFailure& failure, base::TimePoint now, Advice advice = Advice::none);
  // REQUIRES: the last step was Wait for backoff.
  Step on_waited(base::TimePoint now);
  // REQUIRES: the last step was Wait for a turn. The line has taken this target for us; or it will not, and a
  // slot is to be had at `ready` (none: never). `full`: the line is.
  Step on_turn(Found&& found, base::TimePoint now);
  Step on_refused(std::optional<base::TimePoint> ready, bool full, base::TimePoint now);
  // The last Try was answered.
  void on_success();

  const RouteState& route() const { return route_; }
  // For the line: what is asked for, and whom not to ask.
  const Asking& asking() const { return asking_; }
  const Excluded& excluded() const { return excluded_; }

  std::uint32_t attempts() const { return static_cast<std::uint32_t>(tried_.size()); }
  // The candidates that were tried, in order, and what happened besides.
  std::span<const std::uint32_t> tried() const { return {tried_.data(), tried_.size()}; }
  const PlanTrace& trace() const { return trace_; }

 private:
  Step next(base::TimePoint now);
  Step make_try(Found&& found);
  Step leave_tier(Found&& found);
  void note_wait(PlanTrace::Kind kind, base::TimePoint now);
  std::optional<Wait> find_wait_for_again(const FailureRow& row, base::TimePoint now);
  std::optional<Wait> find_backoff(base::TimePoint now);
  Step retry(base::TimePoint now);
  base::Duration first_byte_slice(const catalog::Target& target) const;
  bool widen_context();
  Stop stop(base::TimePoint now) const;
  Stop stop_unfit(base::TimePoint now) const;
  Stop stop_limited(std::optional<base::TimePoint> ready, bool full, base::TimePoint now) const;

  const RouteState& route_;
  const catalog::Settings& settings_;
  base::Random& random_;
  Asking asking_;
  const std::uint32_t max_attempts_;
  Place current_;  // the last one tried
  bool current_is_retry_ = false;
  std::optional<UpstreamFailure> last_failure_;
  Excluded tried_;     // in order, each as often as it was tried
  Excluded excluded_;  // tried, and not to be asked again
  PlanTrace trace_;
};

}  // namespace headworks::routing
