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

base::Duration of_seconds(double seconds) {
  return std::chrono::duration_cast<base::Duration>(std::chrono::duration<double>(seconds));
}

}  // namespace

AttemptPlan::AttemptPlan(const RouteState& route, const catalog::Settings& settings, base::Random& random,
                         const PlanLimits& limits)
    : route_(route),
      settings_(settings),
      random_(random),
      asking_{.deadline = limits.deadline,
              .demand = limits.demand,
              .least_tokens = limits.least_tokens,
              .ramp = of_seconds(settings.cooldown.ramp_seconds),
              .affinity = limits.affinity},
      max_attempts_(std::max<std::uint32_t>(settings.retry.max_attempts, 1)) {}

Step AttemptPlan::start(base::TimePoint now) { return next(now); }

Step AttemptPlan::on_failure(const UpstreamFailure& failure, base::TimePoint now, Advice advice) {
  last_failure_ = failure;
  asking_.now = now;
  if (advice == Advice::stop) return stop(now);
  if (advice == Advice::retry) return retry(now);
  const FailureRow& row = row_of(failure.failure);
  if (!row.next_backend) return stop(now);
  if (row.larger_context) {
    const std::uint32_t context = current_.target().context_tokens;
    if (context == 0) return stop(now);  // nobody knows who is larger than that
    asking_.above_context = std::max(asking_.above_context, context);
    asking_.least_tokens = 0;
  }
  // A limited backend may be asked again once it has rested; no other that has failed.
  const bool rests = row.cools == Cools::as_limited && find_ready_at(current_.target(), asking_) > now;
  if (!rests) excluded_.push_back(current_.candidate());
  if (auto wait = find_wait_for_again(row, now)) return *wait;
  return next(now);
}

Step AttemptPlan::on_waited(base::TimePoint now) {
  note_wait(PlanTrace::Kind::backoff, now);
  if (now >= asking_.deadline) return deadline_exceeded();
  auto taken = take(current_.target(), asking_);
  if (auto* held = std::get_if<Held>(&taken)) return make_try({.place = current_, .held = std::move(*held)});
  trace_.pass_over(current_.candidate(), std::get<Out>(taken), 0, attempts());
  return next(now);
}

Step AttemptPlan::on_turn(Found&& found, base::TimePoint now) {
  note_wait(PlanTrace::Kind::turn, now);
  return make_try(std::move(found));
}

Step AttemptPlan::on_refused(std::optional<base::TimePoint> ready, bool full, base::TimePoint now) {
  note_wait(PlanTrace::Kind::turn, now);
  if (now >= asking_.deadline) return deadline_exceeded();
  if (last_failure_ && row_of(last_failure_->failure).kind != ErrorKind::all_backends_limited) return stop(now);
  Stop limited = stop_limited(ready, full, now);
  if (last_failure_) {
    limited.error.detail = detail_of(*last_failure_);
    limited.relay_last_answer = row_of(last_failure_->failure).relay_answer && last_failure_->answer_at_hand;
  }
  return limited;
}

// The wait began when the plan asked for it: that was its last moment.
void AttemptPlan::note_wait(PlanTrace::Kind kind, base::TimePoint now) {
  if (now > asking_.now) trace_.wait(kind, now - asking_.now, attempts());
  asking_.now = now;
}

void AttemptPlan::on_success() {
  if (gauges::RetryBudget* budget = current_.tier->row->retries)
    budget->succeed(settings_.retry.budget_percent, current_is_retry_);
}

// Leaving a tier costs more than a moment's patience (the next one may be paid for): its only backend gets a
// second chance after a failure that is likely to pass.
std::optional<Wait> AttemptPlan::find_wait_for_again(const FailureRow& row, base::TimePoint now) {
  if (!row.same_backend_again || attempts() >= max_attempts_) return std::nullopt;
  if (current_.tier->only != current_.index) return std::nullopt;
  if (std::count(tried_.begin(), tried_.end(), current_.candidate()) != 1) return std::nullopt;
  const gauges::RetryBudget* budget = current_.tier->row->retries;
  if (budget != nullptr && budget->left() < 1) return std::nullopt;
  return find_backoff(now);
}

// Another one first; when none is left, this one once more.
Step AttemptPlan::retry(base::TimePoint now) {
  if (attempts() >= max_attempts_) return stop(now);
  excluded_.push_back(current_.candidate());
  for (std::uint32_t candidate = 0; candidate < route_.candidate_count(); ++candidate)
    if (std::find(excluded_.begin(), excluded_.end(), candidate) == excluded_.end()) return next(now);
  excluded_.erase(std::remove(excluded_.begin(), excluded_.end(), current_.candidate()), excluded_.end());
  if (auto wait = find_backoff(now)) return *wait;
  return stop(now);
}

// Half to whole of the base; none: the deadline is sooner.
std::optional<Wait> AttemptPlan::find_backoff(base::TimePoint now) {
  const catalog::Settings::Retry& retry = settings_.retry;
  const base::Duration base =
      std::chrono::milliseconds{std::min(retry.backoff_base_ms, retry.backoff_cap_ms)};
  const auto half = static_cast<std::uint64_t>(base.count() / 2);
  const base::Duration wait = base::Duration{half + random_.below(half + 1)};
  if (wait >= asking_.deadline - now) return std::nullopt;
  return Wait{.duration = wait};
}

// From the first tier again each time: what was out at the first try may be free by now.
Step AttemptPlan::next(base::TimePoint now) {
  if (attempts() >= max_attempts_) return stop(now);
  if (now >= asking_.deadline) return deadline_exceeded();
  asking_.now = now;
  do {
    trace_.forget_reasons();
    if (auto found = find_free(route_, asking_, excluded_, random_, trace_, attempts()))
      return make_try(std::move(*found));
    if (const auto ready = find_earliest(route_, asking_, excluded_))
      return Wait{.duration = *ready - now, .reason = WaitReason::turn};
  } while (widen_context());
  return stop(now);
}

// Our estimate of the length is only an estimate: when it leaves nobody, the largest one may judge for itself.
bool AttemptPlan::widen_context() {
  if (last_failure_ || asking_.least_tokens == 0 || !trace_.has_only(Out::context)) return false;
  std::uint32_t largest = 0;
  for (const RouteState::Tier& tier : route_.tiers())
    for (const catalog::Target& target : tier.row->targets) largest = std::max(largest, target.context_tokens);
  asking_.least_tokens = 0;
  asking_.above_context = largest == 0 ? 0 : largest - 1;
  return true;
}

Step AttemptPlan::make_try(Found&& found) {
  const bool retry = attempts() != 0;
  gauges::RetryBudget* budget = found.place.tier->row->retries;
  if (retry && budget != nullptr && !budget->take()) return leave_tier(std::move(found));
  current_ = found.place;
  current_is_retry_ = retry;
  tried_.push_back(found.place.candidate());
  const catalog::Target& target = found.place.target();
  return Try{.target = &target,
             .pool = found.place.tier->row->pool,
             .reservation = std::move(found.held.reservation),
             .passage = std::move(found.held.passage),
             .attempt = attempts(),
             .score = found.score,
             .first_byte_slice = first_byte_slice(target)};
}

// What a broken pool has used up on itself is no reason not to ask the one behind it.
Step AttemptPlan::leave_tier(Found&& found) {
  trace_.pass_over(found.place.candidate(), Out::retries, found.score, attempts());
  const std::size_t tier = route_.number_of(*found.place.tier);
  { const Found given_back = std::move(found); }
  if (tier >= 64) return stop(asking_.now);
  asking_.tiers_out |= std::uint64_t{1} << tier;
  return next(asking_.now);
}

// An equal share of the time left for each attempt that may follow, but never less than three times what this
// backend usually takes.
base::Duration AttemptPlan::first_byte_slice(const catalog::Target& target) const {
  if (asking_.deadline == base::TimePoint::max()) return base::Duration::max();
  const base::Duration left = asking_.deadline - asking_.now;
  const std::uint32_t others = route_.candidate_count() - static_cast<std::uint32_t>(excluded_.size());
  const std::uint32_t shares = std::clamp<std::uint32_t>(max_attempts_ - attempts() + 1, 1, std::max(others, 1U));
  return std::min(left, std::max(left / shares, 3 * target.backend->gauge->expected_first_byte(asking_.now)));
}

Stop AttemptPlan::stop(base::TimePoint now) const {
  if (!last_failure_) return stop_unfit(now);
  const FailureRow& row = row_of(last_failure_->failure);
  if (row.kind == ErrorKind::all_backends_limited) {
    Asking told = asking_;
    told.tiers_out = 0;  // a new request may retry there
    Stop limited = stop_limited(find_earliest(route_, told, excluded_), false, now);
    limited.error.detail = detail_of(*last_failure_);
    limited.relay_last_answer = row.relay_answer && last_failure_->answer_at_hand;
    return limited;
  }
  return {.error = base::fail(row.kind, std::string(row.message), detail_of(*last_failure_)),
          .relay_last_answer = row.relay_answer && last_failure_->answer_at_hand};
}

Stop AttemptPlan::stop_unfit(base::TimePoint now) const {
  if (trace_.has(Out::too_slow))
    return {.error = base::fail(ErrorKind::deadline_exceeded,
                                "No backend is expected to begin its answer within the request's deadline.")};
  Stop stopped{.error = base::fail(ErrorKind::no_backend, "No backend can serve this model now.")};
  if (const auto retried = find_retried(route_, now)) {
    stopped.error.message = "Every backend of this model is failing.";
    stopped.error.retry_after = std::max(*retried - now, kLeastRetryAfter);
  }
  return stopped;
}

Stop AttemptPlan::stop_limited(std::optional<base::TimePoint> ready, bool full, base::TimePoint now) const {
  if (!ready) return stop_unfit(now);
  base::Error error =
      full ? base::fail(ErrorKind::queue_full, "Too many requests wait for a backend of this model already.")
           : base::fail(ErrorKind::all_backends_limited, "All backends of this model are at their limit.");
  error.retry_after = std::max(*ready - now, kLeastRetryAfter);
  return {.error = std::move(error)};
}

}  // namespace headworks::routing
