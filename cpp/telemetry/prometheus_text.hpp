// Prometheus text exposition, format 0.0.4: comments, samples, escapes. Appends to a string.
// https://prometheus.io/docs/instrumenting/exposition_formats/
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "telemetry/metric_table.hpp"

namespace headworks::telemetry {

inline constexpr std::string_view kPrometheusContentType = "text/plain; version=0.0.4; charset=utf-8";

// # HELP and # TYPE.
void append_header(std::string& out, const MetricRow& row);

// One sample. REQUIRES as many values as the row has labels.
void append_sample(std::string& out, const MetricRow& row, std::span<const std::string_view> label_values,
                   double value);

// The samples of one histogram series. `counts` holds one count per bucket, not cumulated; `count` also
// includes what lies above the last bound.
void append_histogram(std::string& out, const MetricRow& row, std::span<const std::string_view> label_values,
                      std::span<const std::uint64_t> counts, std::uint64_t count, double sum);

}  // namespace headworks::telemetry
