// What the data plane needs on one loop: the loop's own things by reference, and the few shared ones.
#pragma once

#include <boost/intrusive/list.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "gateway/route_table.hpp"
#include "gateway/waiting_room.hpp"
#include "hooks/hook.hpp"
#include "json/json_reader.hpp"
#include "net/event_loop.hpp"
#include "net/upstream_client.hpp"
#include "routing/cooldown_rule.hpp"
#include "telemetry/metrics.hpp"
#include "telemetry/recorder.hpp"
#include "vault/client_key.hpp"

namespace headworks::gateway {

// Hears of cooldowns, so that they outlive the process. Called on a loop: must return at once.
class CooldownKeeper {
 public:
  struct Begun {
    std::string backend_id;
    std::string backend;  // its name
    routing::Cooldown cooldown;
    std::optional<std::string> model;  // as the backend calls it; none: the whole backend, or its origin
    base::WallTime started{};
    std::string request_id;
  };
  virtual void on_cooldown(Begun begun) = 0;
  // A call succeeded: the backend's cooldown, or that of this model on it, is history.
  virtual void on_recovered(std::string backend_id, std::optional<std::string> model) = 0;

 protected:
  ~CooldownKeeper() = default;
};

// Immutable or thread-safe, shared by all loops.
struct SharedContext {
  telemetry::Recorder& recorder;
  telemetry::Metrics& metrics;
  base::Log& log;
  CooldownKeeper& cooldowns;
  const vault::ClientKeyHasher& key_hasher;
};

// An exchange stands in its loop's list of running ones for as long as it lives. Loop-owned.
class RunningExchange
    : public boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
 public:
  // What it has done until now, with the attempt that runs; depends on nothing.
  virtual telemetry::ExchangeRecord so_far() const = 0;
  // Its upstream has the request: unless that call fails, it takes no more from buckets and budgets.
  virtual bool settled() const = 0;
  // Whatever it waits for before it is sent, it does not get here any more.
  virtual void stop_waiting() = 0;

 protected:
  ~RunningExchange() = default;
};
using RunningExchanges = boost::intrusive::list<RunningExchange, boost::intrusive::constant_time_size<false>>;

// Loop-owned.
struct LoopContext {
  LoopContext(net::EventLoop& on, SharedContext& common, std::shared_ptr<const catalog::Snapshot> snapshot,
              net::UpstreamClient& client)
      : loop(on),
        recorder(common.recorder),
        metrics(common.metrics),
        log(common.log),
        cooldowns(common.cooldowns),
        key_hasher(common.key_hasher),
        routes(std::move(snapshot)),
        upstreams(client) {}

  net::EventLoop& loop;
  telemetry::Recorder& recorder;
  telemetry::Metrics& metrics;
  base::Log& log;
  CooldownKeeper& cooldowns;
  const vault::ClientKeyHasher& key_hasher;
  RouteTable routes;
  net::UpstreamClient& upstreams;
  json::JsonReader json;
  RunningExchanges running;
  std::shared_ptr<const hooks::HookSet> hooks;  // null: no plug-in takes part
  WaitingRoom* waiting_room = nullptr;  // never null once the loop runs
  bool closed = false;  // another process takes from buckets and budgets now: nothing is sent any more
};

}  // namespace headworks::gateway
