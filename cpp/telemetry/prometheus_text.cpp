#include "telemetry/prometheus_text.hpp"

#include <array>
#include <charconv>
#include <cmath>

namespace headworks::telemetry {
namespace {

std::string_view name_of(MetricType type) {
  constexpr std::string_view kNames[] = {"counter", "gauge", "histogram"};
  return kNames[static_cast<std::size_t>(type)];
}

void append_number(std::string& out, double value) {
  if (std::isnan(value)) {
    out += "NaN";
  } else if (std::isinf(value)) {
    out += value > 0 ? "+Inf" : "-Inf";
  } else {
    std::array<char, 32> text{};
    char* const end = text.data() + text.size();
    const bool whole = std::abs(value) < 1e15 && value == std::trunc(value);
    out.append(text.data(), whole ? std::to_chars(text.data(), end, static_cast<std::int64_t>(value)).ptr
                                  : std::to_chars(text.data(), end, value, std::chars_format::general).ptr);
  }
}

void append_label(std::string& out, char before, std::string_view name, std::string_view value) {
  out += before;
  out += name;
  out += "=\"";
  for (const char character : value) {
    if (character == '\\' || character == '"') out += '\\';
    if (character == '\n') {
      out += "\\n";
    } else {
      out += character;
    }
  }
  out += '"';
}

// {a="x",b="y"} and, for a bucket, le="bound".
void append_labels(std::string& out, const MetricRow& row, std::span<const std::string_view> values,
                   const double* upper_bound = nullptr) {
  char before = '{';
  for (std::size_t at = 0; at < values.size(); ++at) {
    append_label(out, before, row.labels()[at], values[at]);
    before = ',';
  }
  if (upper_bound != nullptr) {
    std::string bound;
    append_number(bound, *upper_bound);
    append_label(out, before, "le", bound);
    before = ',';
  }
  if (before == ',') out += '}';
}

void append_line(std::string& out, const MetricRow& row, std::string_view suffix,
                 std::span<const std::string_view> values, double value,
                 const double* upper_bound = nullptr) {
  out += row.name;
  out += suffix;
  append_labels(out, row, values, upper_bound);
  out += ' ';
  append_number(out, value);
  out += '\n';
}

}  // namespace

void append_header(std::string& out, const MetricRow& row) {
  out += "# HELP ";
  out += row.name;
  out += ' ';
  out += row.help;
  out += "\n# TYPE ";
  out += row.name;
  out += ' ';
  out += name_of(row.type);
  out += '\n';
}

void append_sample(std::string& out, const MetricRow& row, std::span<const std::string_view> label_values,
                   double value) {
  append_line(out, row, "", label_values, value);
}

void append_histogram(std::string& out, const MetricRow& row, std::span<const std::string_view> label_values,
                      std::span<const std::uint64_t> counts, std::uint64_t count, double sum) {
  std::uint64_t below = 0;
  for (std::size_t at = 0; at < row.buckets.size(); ++at) {
    below += counts[at];
    append_line(out, row, "_bucket", label_values, static_cast<double>(below), &row.buckets[at]);
  }
  const double infinity = HUGE_VAL;
  append_line(out, row, "_bucket", label_values, static_cast<double>(count), &infinity);
  append_line(out, row, "_sum", label_values, sum);
  append_line(out, row, "_count", label_values, static_cast<double>(count));
}

}  // namespace headworks::telemetry
