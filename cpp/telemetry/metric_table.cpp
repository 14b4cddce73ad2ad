#include "telemetry/metric_table.hpp"

namespace headworks::telemetry {
namespace {

using enum Metric;
using enum MetricType;

constexpr std::array kAnswer{0.005, 0.01, 0.025, 0.05, 0.1,  0.25,  0.5,   1.0,
                             2.5,   5.0,  10.0,  30.0, 60.0, 120.0, 300.0, 600.0};
constexpr std::array kOwn{0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005,
                          0.01,    0.025,  0.05,    0.1,    0.5,   1.0};
constexpr std::array kWait{0.001, 0.01, 0.05, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0};

constexpr std::array kTable = {
    MetricRow{exchanges,
              "headworks_exchanges_total",
              counter,
              "Finished exchanges.",
              {"route", "model", "pool", "status"}},
    MetricRow{exchange_seconds,
              "headworks_exchange_seconds",
              histogram,
              "From the request's first byte to the answer's last.",
              {},
              kAnswer},
    MetricRow{overhead_seconds,
              "headworks_overhead_seconds",
              histogram,
              "The gateway's own share of an exchange.",
              {},
              kOwn},
    MetricRow{attempts,
              "headworks_attempts_total",
              counter,
              "Upstream calls; outcome is ok or the error's code.",
              {"backend", "outcome"}},
    MetricRow{time_to_first_token_seconds,
              "headworks_time_to_first_token_seconds",
              histogram,
              "From an attempt's start to its answer's first byte.",
              {"backend"},
              kAnswer},
    MetricRow{in_flight, "headworks_in_flight", gauge, "Upstream calls under way.", {"backend"}},
    MetricRow{
        bucket_level, "headworks_bucket_level", gauge, "Starts left in the backend's window.", {"backend"}},
    MetricRow{cooling, "headworks_cooling", gauge, "1 while the backend is not called, else 0.", {"backend"}},
    MetricRow{cooldowns, "headworks_cooldowns_total", counter, "Cooldowns begun.", {"backend", "cause"}},
    MetricRow{queue_depth, "headworks_queue_depth", gauge, "Exchanges that wait for a backend."},
    MetricRow{queue_wait_seconds,
              "headworks_queue_wait_seconds",
              histogram,
              "How long exchanges waited for a backend.",
              {},
              kWait},
    MetricRow{tokens,
              "headworks_tokens_total",
              counter,
              "Tokens of all attempts.",
              {"model", "backend", "direction"}},
    MetricRow{cost_usd, "headworks_cost_usd_total", counter, "Cost of all attempts by the price table."},
    MetricRow{client_aborts, "headworks_client_aborts_total", counter, "Exchanges whose client left first."},
    MetricRow{bad_requests,
              "headworks_bad_requests_total",
              counter,
              "Requests refused before routing.",
              {"reason"}},
    MetricRow{connections, "headworks_connections", gauge, "Open connections.", {"side"}},
    MetricRow{memory_held_bytes,
              "headworks_memory_held_bytes",
              gauge,
              "Memory of request bodies, and of the buffers that connections read and relay with.",
              {"of"}},
    MetricRow{ledger_lag_seconds, "headworks_ledger_lag_seconds", gauge,
              "Age of the oldest usage row that is not written yet."},
    MetricRow{ledger_dropped, "headworks_ledger_dropped_total", counter,
              "Usage rows lost because the store could not keep up."},
    MetricRow{
        hook_seconds, "headworks_hook_seconds", histogram, "How long a hook took to answer.", {"hook"}, kOwn},
    MetricRow{hook_failures,
              "headworks_hook_failures_total",
              counter,
              "Hooks that were late, failed or had no worker.",
              {"hook", "reason"}},
    MetricRow{loop_lag_seconds, "headworks_loop_lag_seconds", gauge,
              "The longest that an event loop kept a ready task waiting, lately."},
    MetricRow{catalog_revision, "headworks_catalog_revision", gauge,
              "The revision of the configuration in use."},
    MetricRow{records_dropped, "headworks_records_dropped_total", counter,
              "Finished exchanges that telemetry lost."},
    MetricRow{log_lines_dropped, "headworks_log_lines_dropped_total", counter,
              "Log lines lost because the sink was too slow."},
    MetricRow{secrets_masked,
              "headworks_secrets_masked_total",
              counter,
              "Live secrets that somebody repeated, masked on their way to a client, the log, the ledger or an operator.",
              {"sink"}},
    MetricRow{hand_overs,
              "headworks_hand_overs_total",
              counter,
              "Hand-overs to a new process, by the old one, and those taken from another, by the new one.",
              {"outcome"}},
    MetricRow{build_info, "headworks_build_info", gauge, "Always 1; the version is the label.", {"version"}},
};

constexpr bool in_order() {
  if (kTable.size() != static_cast<std::size_t>(count_)) return false;
  for (std::size_t i = 0; i < kTable.size(); ++i)
    if (kTable[i].metric != static_cast<Metric>(i)) return false;
  return true;
}
static_assert(in_order(), "one row per Metric, in the order of the enumerators");

}  // namespace

const MetricRow& row_of(Metric metric) { return kTable[static_cast<std::size_t>(metric)]; }
std::span<const MetricRow> metric_table() { return kTable; }

}  // namespace headworks::telemetry
