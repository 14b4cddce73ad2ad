#include "routing/attempt_plan.hpp"

#include <algorithm>
#include <string>

namespace headworks::routing {
namespace {

using base::ErrorKind;

// The least that a client is told to wait: "now" would be an invitation to a loop.
constexpr base::Duration kLeastRetryAfter = std::chrono::milliseconds{1};

Stop deadline_exceeded() {
  return {.error = base::fail(ErrorKind::deadline_exceeded,
                              "The request's time was up before a backend had answered.")};
}

std::string detail_of(const UpstreamFailure& failure) {
  std::string detail = "last failure: " + std::string(name_of(failure.failure));
  if (failure.status != 0) detail += ", upstream status " + std::to_string(failure.status);
  return detail;
}

}  // namespace

AttemptPlan::AttemptPlan(const RouteState& route, const catalog::Settings& settings, base::Random& random,
                         PlanLimits limits)
    : route_(route),
      settings_(settings),
      random_(random),
      limits_(limits),
      max_attempts_(std::max<std::uint32_t>(settings.retry.max_attempts, 1)) {}

Step AttemptPlan::start(base::TimePoint now) { return next(now); }

Step AttemptPlan::on_failure(const UpstreamFailure& failure, base::TimePoint now) {
  last_failure_ = failure;
  const FailureRow& row = row_of(failure.failure);
  if (!row.next_backend) return stop(now);
  if (auto wait = find_wait_for_again(row, now)) return *wait;
  return next(now);
}

Step AttemptPlan::on_waited(base::TimePoint now) {
  if (now >= limits_.deadline) return deadline_exceeded();
  if (auto again = find_try(current_, now)) return std::move(*again);
  return next(now);
}

// Leaving a tier costs more than a moment's patience (the next one may be paid for): its only backend gets a
// second chance after a failure that is likely to pass.
std::optional<Wait> AttemptPlan::find_wait_for_again(const FailureRow& row, base::TimePoint now) {
  if (!row.same_backend_again || attempts() >= max_attempts_) return std::nullopt;
  if (current_.tier->only != current_.index) return std::nullopt;
  if (std::count(tried_.begin(), tried_.end(), current_.candidate()) != 1) return std::nullopt;
  const catalog::Settings::Retry& retry = settings_.retry;
  const base::Duration base =
      std::chrono::milliseconds{std::min(retry.backoff_base_ms, retry.backoff_cap_ms)};
  const auto half = static_cast<std::uint64_t>(base.count() / 2);
  const base::Duration wait = base::Duration{half + random_.below(half + 1)};
  if (wait >= limits_.deadline - now) return std::nullopt;
  return Wait{.duration = wait};
}

// From the first tier again each time: what was out at the first try may be free by now.
Step AttemptPlan::next(base::TimePoint now) {
  if (attempts() >= max_attempts_) return stop(now);
  if (now >= limits_.deadline) return deadline_exceeded();
  for (const RouteState::Tier& tier : route_.tiers())
    if (auto found = find_in(tier, now)) return std::move(*found);
  return stop(now);
}

std::optional<Try> AttemptPlan::find_in(const RouteState::Tier& tier, base::TimePoint now) {
  const auto size = static_cast<std::uint32_t>(tier.row->targets.size());
  TargetSet left(size);
  for (const std::uint32_t candidate : tried_)
    if (candidate >= tier.first && candidate - tier.first < size) left.erase(candidate - tier.first);
  const Asked asked{.now = now, .random = random_};
  while (!left.empty()) {
    const std::uint32_t index = tier.strategy->propose(left, asked);
    if (auto found = find_try({.tier = &tier, .index = index}, now)) return found;
    left.erase(index);
  }
  return std::nullopt;
}

std::optional<Try> AttemptPlan::find_try(Place place, base::TimePoint now) {
  const catalog::Target& target = place.tier->row->targets[place.index];
  const catalog::BackendEntry& backend = *target.backend;
  const std::uint32_t candidate = place.candidate();
  if (!backend.usable()) return record(candidate, Out::unusable), std::nullopt;
  if (backend.gauge->cooling(now)) return record(candidate, Out::cooling), std::nullopt;
  auto reservation = gauges::Reservation::take(*backend.gauge, backend.row.max_in_flight, now, limits_.charge);
  if (!reservation) {
    record(candidate, reservation.error() == gauges::Refusal::bucket ? Out::bucket : Out::in_flight);
    return std::nullopt;
  }
  current_ = place;
  tried_.push_back(candidate);
  return Try{.target = &target,
             .pool = place.tier->row->pool,
             .reservation = std::move(*reservation),
             .attempt = attempts()};
}

Stop AttemptPlan::stop(base::TimePoint now) const {
  if (!last_failure_) return stop_limited(now);
  const FailureRow& row = row_of(last_failure_->failure);
  const bool relay = row.relay_answer && last_failure_->answer_at_hand;
  if (row.kind == ErrorKind::all_backends_limited) {
    Stop limited = stop_limited(now);
    limited.error.detail = detail_of(*last_failure_);
    limited.relay_last_answer = relay;
    return limited;
  }
  return {.error = base::fail(row.kind, std::string(row.message), detail_of(*last_failure_)),
          .relay_last_answer = relay};
}

Stop AttemptPlan::stop_limited(base::TimePoint now) const {
  std::optional<base::TimePoint> earliest;
  for (const RouteState::Tier& tier : route_.tiers()) {
    for (const catalog::Target& target : tier.row->targets) {
      const std::optional<base::TimePoint> ready = find_ready_at(target, now, limits_.charge);
      if (ready && (!earliest || *ready < *earliest)) earliest = ready;
    }
  }
  if (!earliest) return {.error = base::fail(ErrorKind::no_backend, "No backend can serve this model now.")};
  base::Error error =
      base::fail(ErrorKind::all_backends_limited, "All backends of this model are at their limit.");
  error.retry_after = std::max(*earliest - now, kLeastRetryAfter);
  return {.error = std::move(error)};
}

void AttemptPlan::record(std::uint32_t candidate, Out out) {
  const std::uint32_t at = skipped_total_++;
  if (at < kRecorded)
    skipped_[at] = {
        .candidate = candidate, .out = out, .attempts_before = static_cast<std::uint8_t>(attempts())};
}

std::span<const Skipped> AttemptPlan::skipped() const {
  return {skipped_.data(), std::min<std::size_t>(skipped_total_, kRecorded)};
}

}  // namespace headworks::routing
