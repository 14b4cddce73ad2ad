// What a simulation is about: backends with the upstreams behind them, a workload, settings. Value types.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "catalog/rows.hpp"
#include "routing/upstream_failure.hpp"
#include "upstream/script.hpp"

namespace headworks::simulation {

// For a while, every call that is under way or begins fails so.
struct Outage {
  base::Duration from{}, until{};  // from the beginning of the simulation
  routing::FailureClass failure = routing::FailureClass::connect;
};

// How the provider behind one backend behaves.
struct UpstreamModel {
  upstream::RateLimit limit{};  // rpm 0: none; over it: 429
  bool says_when = true;        // its 429 carries retry-after
  base::Duration latency = std::chrono::milliseconds{800};  // half of it to twice of it, log-uniform
  base::Duration transit = std::chrono::milliseconds{20};   // at most so long until it counts a request
  double failing = 0;           // this share of calls fails with status 500
  std::vector<Outage> outages;
};

struct BackendModel {
  catalog::Backend row;
  UpstreamModel upstream;
  std::uint32_t address = 0;  // backends of one number share an origin; 0: an origin of its own
};

// An origin's limit on our address, whatever the key; such an answer looks like any other 429.
struct AddressLimit {
  std::uint32_t address = 0;
  upstream::RateLimit limit{};
};

struct Workload {
  std::string model = "m";
  double per_minute = 60;
  base::Duration length = std::chrono::minutes{1};  // new requests come so long; what runs is run to its end
  bool evenly = false;                              // else at random (Poisson)
  std::uint32_t keys = 1;                           // client keys, drawn at random
  double obeying = 0;                               // this share of refused requests comes back when told
  base::Duration deadline = std::chrono::minutes{10};
};

struct Scenario {
  catalog::Settings settings;
  std::vector<catalog::Pool> pools;
  std::vector<BackendModel> backends;
  std::vector<AddressLimit> address_limits;
  Workload workload;
  std::uint64_t seed = 1;
};

}  // namespace headworks::simulation
