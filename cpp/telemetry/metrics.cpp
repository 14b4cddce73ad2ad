#include "telemetry/metrics.hpp"

#include <algorithm>
#include <charconv>

#include "telemetry/prometheus_text.hpp"

namespace headworks::telemetry {
namespace {

// Between the label values of a series' key. Catalog names hold no control characters.
constexpr char kSeparator = '\x1f';
constexpr std::string_view kOther = "other";

// What every exchange is counted in.
constexpr std::array kOfExchanges = {
    Metric::exchanges,     Metric::exchange_seconds, Metric::overhead_seconds,
    Metric::queue_wait_seconds, Metric::client_aborts, Metric::attempts,
    Metric::time_to_first_token_seconds, Metric::tokens, Metric::cost_usd};

std::string_view or_other(std::string_view name) { return name.empty() ? kOther : name; }

double seconds_of(base::Duration duration) { return std::chrono::duration<double>(duration).count(); }

// The key that stands for these label values.
void join(std::string& key, std::span<const std::string_view> values) {
  key.clear();
  for (std::size_t at = 0; at < values.size(); ++at) {
    if (at != 0) key += kSeparator;
    key += values[at];
  }
}

// Whether join() makes `key` of these.
bool is_joined(std::string_view key, std::span<const std::string_view> values) {
  std::size_t at = 0;
  for (const std::string_view& value : values) {
    if (&value != values.data() && (at == key.size() || key[at++] != kSeparator)) return false;
    if (key.compare(at, value.size(), value) != 0) return false;
    at += value.size();
  }
  return at == key.size();
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
  for (const Metric metric : {Metric::cost_usd, Metric::client_aborts}) count(metric, {}, 0);
  for (const MetricRow& row : metric_table())
    if (row.type == MetricType::histogram && row.labels().empty()) series_of(row, family_of(row.metric), {});
  add_source(Metric::build_info, [](const Emit& emit) { emit({HEADWORKS_VERSION}, 1); });
}

void Metrics::on_exchanges(std::span<const ExchangeRecord> records) {
  // All that is counted here, once for all records: a lock costs as much as what it guards.
  std::array<std::unique_lock<std::mutex>, kOfExchanges.size()> locks;
  for (std::size_t each = 0; each < locks.size(); ++each)
    locks[each] = std::unique_lock(family_of(kOfExchanges[each]).mutex);
  for (const ExchangeRecord& record : records) {
    std::array<char, 8> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), record.status).ptr;
    const std::string_view status(digits.data(), static_cast<std::size_t>(end - digits.data()));
    const std::string_view pool = record.attempts.empty() ? kOther : or_other(record.attempts.back().pool);
    count(Metric::exchanges, {or_other(record.route), or_other(record.model_label), pool, status}, 1);
    sample(Metric::exchange_seconds, {}, seconds_of(record.total));
    sample(Metric::overhead_seconds, {}, seconds_of(record.overhead));
    sample(Metric::queue_wait_seconds, {}, seconds_of(record.queue_wait));
    if (record.error == base::ErrorKind::client_closed || record.status == 499) count(Metric::client_aborts, {}, 1);
    for (const AttemptRecord& attempt : record.attempts) on_attempt(record, attempt);
  }
}

void Metrics::on_attempt(const ExchangeRecord& exchange, const AttemptRecord& attempt) {
  const std::string_view backend = or_other(attempt.backend);
  const std::string_view model = or_other(exchange.model_label);
  count(Metric::attempts, {backend, attempt.error ? base::code_of(*attempt.error) : std::string_view("ok")}, 1);
  if (!attempt.error && attempt.first_byte > base::Duration::zero())
    sample(Metric::time_to_first_token_seconds, {backend}, seconds_of(attempt.first_byte));
  if (attempt.usage.input_tokens != 0)
    count(Metric::tokens, {model, backend, "input"}, static_cast<double>(attempt.usage.input_tokens));
  if (attempt.usage.output_tokens != 0)
    count(Metric::tokens, {model, backend, "output"}, static_cast<double>(attempt.usage.output_tokens));
  if (attempt.cost.value != 0) count(Metric::cost_usd, {}, static_cast<double>(attempt.cost.value) / 1e6);
}

void Metrics::add(Metric metric, std::initializer_list<std::string_view> labels, double by) {
  const std::lock_guard lock(family_of(metric).mutex);
  count(metric, labels, by);
}

void Metrics::observe(Metric metric, std::initializer_list<std::string_view> labels, double seconds) {
  const std::lock_guard lock(family_of(metric).mutex);
  sample(metric, labels, seconds);
}

void Metrics::count(Metric metric, std::initializer_list<std::string_view> labels, double by) {
  series_of(row_of(metric), family_of(metric), {labels.begin(), labels.size()}).value += by;
}

void Metrics::sample(Metric metric, std::initializer_list<std::string_view> labels, double seconds) {
  const MetricRow& row = row_of(metric);
  Series& series = series_of(row, family_of(metric), {labels.begin(), labels.size()});
  const auto bound =
      std::lower_bound(row.buckets.begin(), row.buckets.end(), seconds);  // le: the bound belongs to it
  if (bound != row.buckets.end()) ++series.buckets[static_cast<std::size_t>(bound - row.buckets.begin())];
  ++series.count;
  series.value += seconds;
}

Metrics::Series& Metrics::series_of(const MetricRow& row, Family& family, Labels labels) {
  for (const auto last : family.last)
    if (last != family.series.end() && is_joined(last->first, labels)) return last->second;
  std::string key;
  join(key, labels);
  if (family.series.size() >= kMaxSeries && !family.series.contains(key))
    join(key, std::vector<std::string_view>(labels.size(), kOther));
  const auto series = family.series.try_emplace(std::move(key)).first;
  series->second.buckets.resize(row.buckets.size());
  family.last = {series, family.last[0]};
  return series->second;
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
