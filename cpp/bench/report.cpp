// A report as JSON and as text.
#include <boost/json.hpp>
#include <cstdio>

#include "bench/bench.hpp"

namespace headworks::bench {
namespace {

namespace json = boost::json;

std::string_view name_of(Mode mode) {
  switch (mode) {
    case Mode::closed:
      return "closed";
    case Mode::open:
      return "open";
    case Mode::streams:
      return "streams";
    case Mode::idle:
      return "idle";
  }
  return "closed";
}

double us(std::uint64_t ns) { return static_cast<double>(ns) / 1e3; }

double per_second(std::uint64_t count, double seconds) {
  return seconds > 0 ? static_cast<double>(count) / seconds : 0;
}

json::object histogram_json(const Histogram& histogram, bool buckets) {
  json::object out{{"count", histogram.count()},
                   {"mean", histogram.mean() / 1e3},
                   {"min", us(histogram.min())},
                   {"p50", us(histogram.quantile(0.5))},
                   {"p90", us(histogram.quantile(0.9))},
                   {"p99", us(histogram.quantile(0.99))},
                   {"p999", us(histogram.quantile(0.999))},
                   {"max", us(histogram.max())}};
  if (!buckets) return out;
  json::array list;
  for (const auto& [bound, count] : histogram.buckets()) list.push_back({bound, count});
  out["buckets_ns"] = std::move(list);
  return out;
}

json::object faults_json(const Faults& faults) {
  return {{"connect", faults.connect},
          {"broken", faults.broken},
          {"status", faults.status},
          {"different", faults.different},
          {"unfinished", faults.unfinished}};
}

json::object stream_json(const StreamCounts& counts, double seconds) {
  return {{"events", counts.events},
          {"events_per_second", per_second(counts.events, seconds)},
          {"messages", counts.messages},
          {"reads", counts.reads},
          {"most_per_read", counts.most_per_read},
          {"missing", counts.missing},
          {"duplicated", counts.duplicated},
          {"reordered", counts.reordered},
          {"foreign", counts.foreign},
          {"started", counts.started},
          {"completed", counts.completed}};
}

std::string line(std::string_view name, const Histogram& histogram) {
  char text[160];
  std::snprintf(text, sizeof text, "%-12.*s p50 %9.1f us   p99 %9.1f us   p99.9 %9.1f us   max %9.1f us\n",
                static_cast<int>(name.size()), name.data(), us(histogram.quantile(0.5)),
                us(histogram.quantile(0.99)), us(histogram.quantile(0.999)), us(histogram.max()));
  return text;
}

}  // namespace

std::string to_json(const Report& report, bool buckets) {
  json::object out{{"mode", name_of(report.mode)},
                   {"seconds", report.seconds},
                   {"connections", report.connections},
                   {"answers", report.answers},
                   {"per_second", per_second(report.answers, report.seconds)},
                   {"bytes", report.bytes},
                   {"faults", faults_json(report.faults)}};
  json::object statuses;
  for (const auto& [status, count] : report.statuses) statuses[std::to_string(status)] = count;
  out["statuses"] = std::move(statuses);
  if (report.mode == Mode::streams) {
    out["stream"] = stream_json(report.stream, report.seconds);
    out["first_event_us"] = histogram_json(report.first_event, buckets);
    out["event_delay_us"] = histogram_json(report.event_delay, buckets);
  } else {
    out["latency_us"] = histogram_json(report.latency, buckets);
  }
  return json::serialize(out);
}

std::string to_text(const Report& report) {
  char text[320];
  std::string out;
  if (report.mode == Mode::streams) {
    const StreamCounts& counts = report.stream;
    std::snprintf(
        text, sizeof text,
        "%llu streams for %.2f s: %llu events (%.0f/s), %llu missing, %llu doubled, %llu out of order\n",
        static_cast<unsigned long long>(report.connections), report.seconds,
        static_cast<unsigned long long>(counts.events), per_second(counts.events, report.seconds),
        static_cast<unsigned long long>(counts.missing), static_cast<unsigned long long>(counts.duplicated),
        static_cast<unsigned long long>(counts.reordered + counts.foreign));
    out = text + line("first event", report.first_event) + line("event delay", report.event_delay);
  } else {
    std::snprintf(text, sizeof text, "%llu answers in %.2f s: %.0f/s over %llu connections\n",
                  static_cast<unsigned long long>(report.answers), report.seconds,
                  per_second(report.answers, report.seconds),
                  static_cast<unsigned long long>(report.connections));
    out = text + line("latency", report.latency);
  }
  if (report.faults.total() == 0) return out + "every answer was right\n";
  return out + "WRONG: " + json::serialize(faults_json(report.faults)) + "\n";
}

}  // namespace headworks::bench
