// Decides what is played for each request: matches the rules, keeps their counts, enforces the rate limits,
// writes the journal, and answers the control API. A machine without sockets: requests in, performances out.
//
// Control API, on the upstream's own port:
//   GET /__upstream/journal, DELETE /__upstream/journal, GET /__upstream/stats, PUT /__upstream/script
// Loop-owned.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "upstream/journal.hpp"
#include "upstream/performance.hpp"
#include "upstream/rate_limiter.hpp"
#include "upstream/script.hpp"

namespace headworks::upstream {

struct Direction {
  Performance performance;
  std::uint64_t number = 0;  // the request's; 0 for the control API, which leaves no trace
};

class Director {
 public:
  explicit Director(Script script);

  // Starts all counts of rules and limits anew; the journal stays.
  void set_script(Script script);
  const Accept& accept() const { return script_.accept; }
  // Whether one more connection is to be treated as `accept` says; counts it.
  AcceptAction on_accept();

  // With the head alone: an answer when the first matching rule is an early one. Otherwise nothing has
  // happened.
  std::optional<Direction> on_head(const Request& request, std::uint64_t connection, base::TimePoint now,
                                   base::WallTime wall);
  Direction on_request(const Request& request, std::uint64_t connection, base::TimePoint now,
                       base::WallTime wall);
  // The request cannot be answered because its connection was left to go stale.
  Direction on_stale_request(const Request& request, std::uint64_t connection, base::TimePoint now,
                             After after);

  Journal& journal() { return journal_; }
  // Says that a script was set over the control API, once.
  bool take_script_changed() { return std::exchange(script_changed_, false); }

 private:
  struct RuleState {
    std::uint64_t seen = 0;  // requests for which the conditions of method, path, key and model held
    std::uint64_t used = 0;
    std::unique_ptr<RateLimiter> limiter;
  };
  std::optional<std::size_t> match(const Request& request, const BodyGlance& glance);
  std::optional<Performance> limit(RateLimiter* limiter, const Request& request, base::TimePoint now);
  Performance control(const Request& request);

  Script script_;
  std::vector<RuleState> states_;
  std::unique_ptr<RateLimiter> limiter_;
  Journal journal_;
  std::uint64_t next_number_ = 1;
  std::uint64_t accepts_used_ = 0;
  bool script_changed_ = false;
};

}  // namespace headworks::upstream
