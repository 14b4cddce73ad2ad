#include "upstream/rate_limiter.hpp"

#include <algorithm>

namespace headworks::upstream {

std::optional<base::Duration> RateLimiter::take(std::string_view key, base::TimePoint now) {
  if (limit_.rpm == 0) return limit_.period;
  const auto [entry, fresh] = accounts_.try_emplace(std::string(key));
  Account& account = entry->second;
  if (fresh) account.since = now, account.level = limit_.window == Window::bucket ? limit_.rpm : 0;
  switch (limit_.window) {
    case Window::fixed:
      return take_fixed(account, now);
    case Window::sliding:
      return take_sliding(account, now);
    case Window::bucket:
      return take_bucket(account, now);
  }
  return std::nullopt;
}

std::optional<base::Duration> RateLimiter::take_fixed(Account& account, base::TimePoint now) {
  const auto windows = (now - account.since) / limit_.period;
  if (windows > 0) account.since += windows * limit_.period, account.level = 0;
  if (account.level >= limit_.rpm) return account.since + limit_.period - now;
  account.level += 1;
  return std::nullopt;
}

std::optional<base::Duration> RateLimiter::take_sliding(Account& account, base::TimePoint now) {
  while (!account.starts.empty() && account.starts.front() + limit_.period <= now) account.starts.pop_front();
  if (account.starts.size() >= limit_.rpm) return account.starts.front() + limit_.period - now;
  account.starts.push_back(now);
  return std::nullopt;
}

std::optional<base::Duration> RateLimiter::take_bucket(Account& account, base::TimePoint now) {
  const double per_ns = limit_.rpm / static_cast<double>(limit_.period.count());
  account.level = std::min<double>(
      limit_.rpm, account.level + static_cast<double>((now - account.since).count()) * per_ns);
  account.since = now;
  if (account.level < 1) return base::Duration(static_cast<std::int64_t>((1 - account.level) / per_ns) + 1);
  account.level -= 1;
  return std::nullopt;
}

}  // namespace headworks::upstream
