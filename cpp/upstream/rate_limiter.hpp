// How a provider counts requests: fixed windows, a sliding window, or a bucket that refills; one count per
// API key. A pure machine, written apart from gauges/ on purpose. Loop-owned.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.hpp"
#include "upstream/script.hpp"

namespace headworks::upstream {

class RateLimiter {
 public:
  explicit RateLimiter(RateLimit limit) : limit_(limit) {}

  // Counts one request of `key`. None: it is within the limit; else how long until the next one would be.
  std::optional<base::Duration> take(std::string_view key, base::TimePoint now);

 private:
  struct Account {
    std::deque<base::TimePoint> starts;  // sliding
    base::TimePoint since;               // fixed: start of the window; bucket: last refill
    double level = 0;                    // fixed: used; bucket: left
  };
  std::optional<base::Duration> take_fixed(Account& account, base::TimePoint now);
  std::optional<base::Duration> take_sliding(Account& account, base::TimePoint now);
  std::optional<base::Duration> take_bucket(Account& account, base::TimePoint now);

  RateLimit limit_;
  std::unordered_map<std::string, Account> accounts_;
};

}  // namespace headworks::upstream
