// Closed loop, open loop and idle connections: requests with whole answers. See bench.hpp for what the shapes
// mean.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "bench/bench.hpp"
#include "bench/lane.hpp"
#include "bench/target.hpp"

namespace headworks::bench {

class RequestLoad {
 public:
  RequestLoad(const Options& options, Target target);
  Report run();

 private:
  struct Call {
    explicit Call(Poller& poller, const Target& target, std::uint32_t tag) : lane(poller, target, tag) {}
    Lane lane;
    base::TimePoint since;  // when the request under way should have been sent
  };

  void connect_next();
  void on_lane(std::uint32_t tag, std::uint32_t events);
  void on_ready(Call& call, std::uint32_t tag);
  void on_answer(Call& call, std::uint32_t tag);
  void on_failure(Call& call, bool was_connected);
  void check(Lane& lane);
  void start(Call& call, base::TimePoint since);
  void issue_due(base::TimePoint now);
  bool may_issue() const;
  base::TimePoint next_arrival() const;
  bool over(base::TimePoint now);
  void hold();

  const Options& options_;
  Target target_;
  Poller poller_;
  std::deque<Call> calls_;
  std::vector<std::uint32_t> free_;      // open: lanes with nothing to do
  std::deque<base::TimePoint> waiting_;  // open: requests that are due and have no lane
  std::string scratch_ = std::string(65'536, '\0');
  std::optional<std::string> expected_;
  std::size_t next_connect_ = 0;
  std::uint64_t issued_ = 0;
  std::uint64_t busy_ = 0;
  std::uint64_t dead_ = 0;  // lanes that could not connect
  bool closing_ = false;    // nothing new is sent
  base::TimePoint started_;
  base::TimePoint last_answer_;
  Report report_;
};

}  // namespace headworks::bench
