// THE table of metrics: name, type, help, labels, buckets. A new metric is one enumerator and one row.
// Names and labels are a promise (surface, section 6). Must not know: where the numbers come from.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace headworks::telemetry {

enum class Metric : std::uint8_t {
  exchanges,
  exchange_seconds,
  overhead_seconds,
  attempts,
  time_to_first_token_seconds,
  in_flight,
  bucket_level,
  cooling,
  cooldowns,
  queue_depth,
  queue_wait_seconds,
  tokens,
  cost_usd,
  client_aborts,
  bad_requests,
  connections,
  memory_held_bytes,
  ledger_lag_seconds,
  ledger_dropped,
  hook_seconds,
  hook_failures,
  loop_lag_seconds,
  catalog_revision,
  records_dropped,
  log_lines_dropped,
  secrets_masked,
  hand_overs,
  build_info,
  count_  // number of metrics; not a metric
};

enum class MetricType : std::uint8_t { counter, gauge, histogram };

struct MetricRow {
  Metric metric;
  std::string_view name;
  MetricType type;
  std::string_view help;
  std::array<std::string_view, 4> label_names{};  // the unused ones are empty
  std::span<const double> buckets{};              // upper bounds in seconds, ascending, without +Inf

  std::span<const std::string_view> labels() const {
    std::size_t count = 0;
    while (count < label_names.size() && !label_names[count].empty()) ++count;
    return {label_names.data(), count};
  }
};

const MetricRow& row_of(Metric metric);
std::span<const MetricRow> metric_table();

}  // namespace headworks::telemetry
