#include "telemetry/metrics.hpp"

#include <algorithm>
#include <charconv>

#include "telemetry/prometheus_text.hpp"

namespace headworks::telemetry {
namespace {

// Between the label values of a series' key. Catalog names hold no control characters.
constexpr char kSeparator = '\x1f';
constexpr std::string_view kOther = "other";

std::string_view or_other(std::string_view name) { return name.empty() ? kOther : name; }

double seconds_of(base::Duration duration) { return std::chrono::duration<double>(duration).count(); }

// The key that stands for these label values. The caller's buffer saves an allocation per sample.
void join(std::string& key, std::span<const std::string_view> values) {
  key.clear();
  for (std::size_t at = 0; at < values.size(); ++at) {
    if (at != 0) key += kSeparator;
    key += values[at];
  }
}

std::vector<std::string_view> split(std::string_view key, std::size_t parts) {
  std::vector<std::string_view> values;
  for (std::size_t part = 0; part < parts; ++part) {
    const std::size_t end = part + 1 == parts ? key.size() : std::min(key.find(kSeparator), key.size());
    values.push_back(key.substr(0, end));
    key.remove_prefix(std::min(end + 1, key.size()));
  }
  return values;
}

}  // namespace

Metrics::Metrics() {
  // A counter that stands at zero from the start can be told from one that does not exist.
  for (const Metric metric : {Metric::cost_usd, Metric::client_aborts}) add_to(metric, {}, 0);
  for (const MetricRow& row : metric_table())
    if (row.type == MetricType::histogram && row.labels().empty()) series_of(row, family_of(row.metric), {});
  add_source(Metric::build_info, [](const Emit& emit) { emit({HEADWORKS_VERSION}, 1); });
}

void Metrics::on_exchanges(std::span<const ExchangeRecord> records) {
  for (const ExchangeRecord& record : records) {
    std::array<char, 8> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), record.status).ptr;
    const std::string_view status(digits.data(), static_cast<std::size_t>(end - digits.data()));
    const std::string_view pool = record.attempts.empty() ? kOther : or_other(record.attempts.back().pool);
    add(Metric::exchanges, {or_other(record.route), or_other(record.model_label), pool, status});
    observe(Metric::exchange_seconds, {}, seconds_of(record.total));
    observe(Metric::overhead_seconds, {}, seconds_of(record.overhead));
    observe(Metric::queue_wait_seconds, {}, seconds_of(record.queue_wait));
    if (record.error == base::ErrorKind::client_closed || record.status == 499)
      add(Metric::client_aborts, {});
    for (const AttemptRecord& attempt : record.attempts) on_attempt(record, attempt);
  }
}

void Metrics::on_attempt(const ExchangeRecord& exchange, const AttemptRecord& attempt) {
  const std::string_view backend = or_other(attempt.backend);
  const std::string_view model = or_other(exchange.model_label);
  add(Metric::attempts, {backend, attempt.error ? base::code_of(*attempt.error) : std::string_view("ok")});
  if (!attempt.error && attempt.first_byte > base::Duration::zero())
    observe(Metric::time_to_first_token_seconds, {backend}, seconds_of(attempt.first_byte));
  if (attempt.usage.input_tokens != 0)
    add(Metric::tokens, {model, backend, "input"}, static_cast<double>(attempt.usage.input_tokens));
  if (attempt.usage.output_tokens != 0)
    add(Metric::tokens, {model, backend, "output"}, static_cast<double>(attempt.usage.output_tokens));
  if (attempt.cost.value != 0) add(Metric::cost_usd, {}, static_cast<double>(attempt.cost.value) / 1e6);
}

void Metrics::add(Metric metric, std::initializer_list<std::string_view> labels, double by) {
  add_to(metric, {labels.begin(), labels.size()}, by);
}

void Metrics::observe(Metric metric, std::initializer_list<std::string_view> labels, double seconds) {
  observe_in(metric, {labels.begin(), labels.size()}, seconds);
}

void Metrics::add_to(Metric metric, Labels labels, double by) {
  Family& family = family_of(metric);
  const std::lock_guard lock(family.mutex);
  series_of(row_of(metric), family, labels).value += by;
}

void Metrics::observe_in(Metric metric, Labels labels, double seconds) {
  const MetricRow& row = row_of(metric);
  Family& family = family_of(metric);
  const std::lock_guard lock(family.mutex);
  Series& series = series_of(row, family, labels);
  const auto bound =
      std::lower_bound(row.buckets.begin(), row.buckets.end(), seconds);  // le: the bound belongs to it
  if (bound != row.buckets.end()) ++series.buckets[static_cast<std::size_t>(bound - row.buckets.begin())];
  ++series.count;
  series.value += seconds;
}

Metrics::Series& Metrics::series_of(const MetricRow& row, Family& family, Labels labels) {
  thread_local std::string key;
  join(key, labels);
  auto found = family.series.find(std::string_view(key));
  if (found != family.series.end()) return found->second;
  if (family.series.size() >= kMaxSeries) join(key, std::vector<std::string_view>(labels.size(), kOther));
  Series& series = family.series[key];
  series.buckets.resize(row.buckets.size());
  return series;
}

void Metrics::add_source(Metric metric, Source source) {
  family_of(metric).sources.push_back(std::move(source));
}

std::string Metrics::expose() const {
  std::string out;
  for (const MetricRow& row : metric_table()) expose_family(out, row);
  return out;
}

void Metrics::expose_family(std::string& out, const MetricRow& row) const {
  append_header(out, row);
  const Family& family = families_[static_cast<std::size_t>(row.metric)];
  {
    const std::lock_guard lock(family.mutex);
    for (const auto& [key, series] : family.series) {
      const std::vector<std::string_view> labels = split(key, row.labels().size());
      if (row.type == MetricType::histogram) {
        append_histogram(out, row, labels, series.buckets, series.count, series.value);
      } else {
        append_sample(out, row, labels, series.value);
      }
    }
  }
  const Emit emit = [&](std::initializer_list<std::string_view> labels, double value) {
    append_sample(out, row, {labels.begin(), labels.size()}, value);
  };
  for (const Source& source : family.sources) source(emit);
  if (row.metric == Metric::bad_requests) expose_bad_requests(out);
}

void Metrics::expose_bad_requests(std::string& out) const {
  for (std::size_t kind = 0; kind < bad_requests_.size(); ++kind) {
    const std::uint64_t count = bad_requests_[kind].load(std::memory_order_relaxed);
    if (count == 0) continue;
    const std::array<std::string_view, 1> reason{base::code_of(static_cast<base::ErrorKind>(kind))};
    append_sample(out, row_of(Metric::bad_requests), reason, static_cast<double>(count));
  }
}

}  // namespace headworks::telemetry
