#include "gauges/recovery.hpp"

#include <algorithm>
#include <cmath>

namespace headworks::gauges {
namespace {

std::int64_t ns_of(base::TimePoint at) { return at.time_since_epoch().count(); }

double seconds_of(base::Duration duration) { return std::chrono::duration<double>(duration).count(); }

}  // namespace

// With a rate r that rises evenly over the length D, r * e^2 / 2D calls have been allowed after e.
double Recovery::allowed(base::Duration elapsed, const Ramp& ramp) const {
  const double e = std::max(seconds_of(elapsed), 0.0);
  if (ramp.per_second > 0) return 1 + ramp.per_second * e * e / (2 * seconds_of(ramp.length));
  return 2 + 2.0 * succeeded_.load(std::memory_order_relaxed) + e;
}

Recovery::Entry Recovery::enter(base::TimePoint now, const Ramp& ramp) {
  const std::int64_t until = until_.load(std::memory_order_acquire);
  if (until > ns_of(now)) return {.phase = Phase::cooling};
  if (until != 0) {
    std::int64_t lease = lease_until_.load(std::memory_order_relaxed);
    if (lease > ns_of(now) ||
        !lease_until_.compare_exchange_strong(lease, ns_of(now + kLease), std::memory_order_acq_rel))
      return {.phase = Phase::probing};
    return {.phase = Phase::probing, .admitted = true, .probe = true};
  }
  std::int64_t since = ramp_since_.load(std::memory_order_relaxed);
  if (since == 0) return {.admitted = true};
  const auto elapsed = base::Duration{ns_of(now) - since};
  if (elapsed >= ramp.length) {
    ramp_since_.compare_exchange_strong(since, 0, std::memory_order_relaxed);
    return {.admitted = true};
  }
  std::uint32_t started = started_.load(std::memory_order_relaxed);
  do {
    if (started >= allowed(elapsed, ramp)) return {.phase = Phase::ramping};
  } while (!started_.compare_exchange_weak(started, started + 1, std::memory_order_relaxed));
  return {.phase = Phase::ramping, .admitted = true};
}

Recovery::Entry Recovery::look(base::TimePoint now, const Ramp& ramp) const {
  const bool admitted = ready_at(now, ramp) <= now;
  const std::int64_t until = until_.load(std::memory_order_acquire);
  if (until > ns_of(now)) return {.phase = Phase::cooling};
  if (until != 0) return {.phase = Phase::probing, .admitted = admitted, .probe = admitted};
  const std::int64_t since = ramp_since_.load(std::memory_order_relaxed);
  const bool ramping = since != 0 && ns_of(now) - since < ramp.length.count();
  return {.phase = ramping ? Phase::ramping : Phase::open, .admitted = admitted};
}

void Recovery::give_up(const Entry& entry) {
  if (entry.probe) {
    lease_until_.store(0, std::memory_order_release);
  } else if (entry.admitted && entry.phase == Phase::ramping) {
    std::uint32_t started = started_.load(std::memory_order_relaxed);
    while (started != 0 && !started_.compare_exchange_weak(started, started - 1, std::memory_order_relaxed)) {
    }
  }
}

base::TimePoint Recovery::ready_at(base::TimePoint now, const Ramp& ramp) const {
  const auto point = [](std::int64_t ns) { return base::TimePoint{base::Duration{ns}}; };
  const std::int64_t until = until_.load(std::memory_order_acquire);
  if (until > ns_of(now)) return point(until);
  if (until != 0) return std::max(now, point(lease_until_.load(std::memory_order_relaxed)));
  const std::int64_t since = ramp_since_.load(std::memory_order_relaxed);
  if (since == 0 || ns_of(now) - since >= ramp.length.count()) return now;
  const double started = started_.load(std::memory_order_relaxed);
  if (started < allowed(base::Duration{ns_of(now) - since}, ramp)) return now;
  // The moment at which `allowed` passes `started`.
  const double at = ramp.per_second > 0
                        ? std::sqrt(std::max(started - 1, 0.0) * 2 * seconds_of(ramp.length) / ramp.per_second)
                        : started - 2 - 2.0 * succeeded_.load(std::memory_order_relaxed);
  const double seconds = std::min(at, seconds_of(ramp.length)) + 1e-6;
  return std::max(now, point(since) + std::chrono::duration_cast<base::Duration>(std::chrono::duration<double>(seconds)));
}

bool Recovery::cool(base::TimePoint until, Because because) {
  const std::int64_t wanted = ns_of(until);
  std::int64_t seen = until_.load(std::memory_order_relaxed);
  do {
    if (seen >= wanted) return false;
  } while (!until_.compare_exchange_weak(seen, wanted, std::memory_order_acq_rel));
  begun(because);
  return true;
}

bool Recovery::begin(base::TimePoint now, base::TimePoint until, Because because) {
  std::int64_t seen = until_.load(std::memory_order_relaxed);
  do {
    if (seen > ns_of(now)) return false;
  } while (!until_.compare_exchange_weak(seen, ns_of(until), std::memory_order_acq_rel));
  begun(because);
  return true;
}

void Recovery::begun(Because because) {
  failing_.store(because == Because::failing, std::memory_order_relaxed);
  lease_until_.store(0, std::memory_order_relaxed);
  ramp_since_.store(0, std::memory_order_relaxed);
}

bool Recovery::succeed(base::TimePoint now) {
  std::int64_t until = until_.load(std::memory_order_acquire);
  if (until == 0) {
    if (ramp_since_.load(std::memory_order_relaxed) != 0) succeeded_.fetch_add(1, std::memory_order_relaxed);
    return false;
  }
  if (until > ns_of(now)) return false;
  started_.store(0, std::memory_order_relaxed);
  succeeded_.store(0, std::memory_order_relaxed);
  ramp_since_.store(ns_of(now), std::memory_order_relaxed);
  if (!until_.compare_exchange_strong(until, 0, std::memory_order_acq_rel)) return false;
  lease_until_.store(0, std::memory_order_relaxed);
  return true;
}

void Recovery::clear() {
  ramp_since_.store(0, std::memory_order_relaxed);
  lease_until_.store(0, std::memory_order_relaxed);
  until_.store(0, std::memory_order_release);
}

}  // namespace headworks::gauges
