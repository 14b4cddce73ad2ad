// Simulator: a discrete-event simulation that runs the real machines (plan, waiting line, cooldown rule,
// gauges) against modelled upstreams under a virtual clock. The same scenario and seed give the same result.
// Single-threaded. Must not know: sockets, the real time.
#pragma once

#include <functional>
#include <memory>
#include <string_view>

#include "base/result.hpp"
#include "routing/attempt_plan.hpp"
#include "simulation/scenario.hpp"

namespace headworks::simulation {

// One line of the timeline.
struct Happening {
  enum class What : std::uint8_t {
    arrived,
    tried,      // an upstream call begins
    succeeded,  // ... and ends well
    failed,     // ... or not: `failure`
    cooled,     // something rests because of that
    waits,      // stands in line
    refused,    // answered with an error of ours: `error`, `retry_after`
    gave_up,    // all attempts failed: `error`
  };
  base::Duration at{};  // from the beginning
  std::uint64_t request = 0;
  What what = What::arrived;
  std::uint32_t key = 0;
  std::int32_t backend = -1;  // index in the scenario; -1: none
  routing::FailureClass failure = routing::FailureClass::connect;
  base::ErrorKind error = base::ErrorKind::internal;
  base::Duration retry_after{};
  bool came_back = false;  // the request was refused before and obeys
};
std::string_view name_of(Happening::What what);

struct Totals {
  std::uint64_t requests = 0;   // with those that came back
  std::uint64_t came_back = 0;
  std::uint64_t succeeded = 0;
  std::uint64_t succeeded_late = 0;  // of those that came back
  std::uint64_t refused = 0;         // with a moment to come back
  std::uint64_t refused_again = 0;   // of those that came back
  std::uint64_t failed = 0;          // with any other error
  std::uint64_t attempts = 0;
  std::uint64_t upstream_429 = 0;
  base::Duration length{};  // until the last request had ended
};

class Simulator {
 public:
  // Kind invalid_configuration when the rows do not make a catalog.
  static base::Result<std::unique_ptr<Simulator>> make(Scenario scenario);
  ~Simulator();

  // Called with each line of the timeline, as it happens. Before run().
  void on_happening(std::function<void(const Happening&)> observer);
  Totals run();

  // The machines, for tests: the backend's gauge at any time.
  const catalog::BackendEntry& backend(std::uint32_t index) const;
  base::TimePoint beginning() const;

 private:
  struct Parts;
  explicit Simulator(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace headworks::simulation
