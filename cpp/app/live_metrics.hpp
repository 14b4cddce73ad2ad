// The metrics that are asked for at a scrape: gauges of the catalog, connections, loops, ledger, log.
#pragma once

#include <functional>
#include <vector>

#include "base/log.hpp"
#include "catalog/catalog.hpp"
#include "gateway/waiting_room.hpp"
#include "net/listener.hpp"
#include "store/usage_writer.hpp"
#include "telemetry/metrics.hpp"
#include "telemetry/recorder.hpp"

namespace headworks::app {

// What is observed; all must outlive the metrics' last scrape.
struct Observed {
  const catalog::Catalog& catalog;
  const net::ConnectionCount& connections;
  const net::BodyMemory& body_memory;
  const store::UsageWriter& ledger;
  const telemetry::Recorder& recorder;
  const base::Log& log;
  const gateway::WaitingRoom& waiting_room;
  std::function<base::Duration()> take_loop_lag;
};

void add_live_metrics(telemetry::Metrics& metrics, const Observed& observed);

}  // namespace headworks::app
