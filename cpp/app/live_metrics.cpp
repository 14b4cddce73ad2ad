#include "app/live_metrics.hpp"

namespace headworks::app {
namespace {

using telemetry::Metric;
using Emit = telemetry::Metrics::Emit;

double seconds(base::Duration duration) { return std::chrono::duration<double>(duration).count(); }

}  // namespace

void add_live_metrics(telemetry::Metrics& metrics, const Observed& observed) {
  const auto per_backend = [&](Metric metric, auto value_of) {
    metrics.add_source(metric, [&catalog = observed.catalog, value_of](const Emit& emit) {
      const base::TimePoint now = std::chrono::steady_clock::now();
      const auto snapshot = catalog.current();
      for (const catalog::BackendEntry& backend : snapshot->backends())
        emit({backend.row.name}, static_cast<double>(value_of(*backend.gauge, now)));
    });
  };
  per_backend(Metric::in_flight, [](const gauges::BackendGauge& gauge, base::TimePoint) { return gauge.in_flight(); });
  per_backend(Metric::bucket_level,
              [](const gauges::BackendGauge& gauge, base::TimePoint now) { return gauge.bucket().level(now); });
  per_backend(Metric::cooling,
              [](const gauges::BackendGauge& gauge, base::TimePoint now) { return gauge.recovery().cooling(now) ? 1 : 0; });

  const auto single = [&](Metric metric, std::function<double()> value) {
    metrics.add_source(metric, [value = std::move(value)](const Emit& emit) { emit({}, value()); });
  };
  metrics.add_source(Metric::connections, [&connections = observed.connections](const Emit& emit) {
    emit({"client"}, connections.now.load(std::memory_order_relaxed));
  });
  metrics.add_source(Metric::memory_held_bytes, [&memory = observed.body_memory](const Emit& emit) {
    emit({"bodies"}, static_cast<double>(memory.bodies()));
    emit({"buffers"}, static_cast<double>(memory.buffers()));
  });
  single(Metric::queue_depth, [&room = observed.waiting_room] { return static_cast<double>(room.waiting()); });
  single(Metric::ledger_lag_seconds, [&ledger = observed.ledger] { return seconds(ledger.lag()); });
  single(Metric::ledger_dropped, [&ledger = observed.ledger] { return static_cast<double>(ledger.dropped()); });
  single(Metric::records_dropped, [&recorder = observed.recorder] { return static_cast<double>(recorder.dropped()); });
  single(Metric::log_lines_dropped, [&log = observed.log] { return static_cast<double>(log.dropped()); });
  single(Metric::loop_lag_seconds, [lag = observed.take_loop_lag] { return seconds(lag()); });
  single(Metric::catalog_revision,
         [&catalog = observed.catalog] { return static_cast<double>(catalog.current()->revision()); });
  metrics.add_source(Metric::build_info, [](const Emit& emit) { emit({HEADWORKS_VERSION}, 1); });
}

}  // namespace headworks::app
