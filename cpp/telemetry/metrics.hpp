// Metrics: what has been counted, and what is asked for at a scrape, as Prometheus text.
//
// Three ways in: finished exchanges (a sink of the recorder), single events (add, observe: rare, from any
// thread), and live values (callbacks, asked at a scrape). Only bad requests are counted on a request's way:
// one atomic each. Must not know: catalog, sockets, who scrapes.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "telemetry/exchange_record.hpp"
#include "telemetry/metric_table.hpp"

namespace headworks::telemetry {

class Metrics {
 public:
  using Labels = std::span<const std::string_view>;

  // More different label sets than this of one metric are counted together, under "other".
  static constexpr std::size_t kMaxSeries = 5000;

  Metrics();

  // Sink of the recorder: everything that follows from finished exchanges.
  void on_exchanges(std::span<const ExchangeRecord> records);

  // One event of a counter, one sample of a histogram. Values in the order of the row's labels. Thread-safe,
  // but takes a lock that a scrape holds too: for cooldowns and hooks, not for every request.
  void add(Metric metric, std::initializer_list<std::string_view> labels, double by = 1);
  void observe(Metric metric, std::initializer_list<std::string_view> labels, double seconds);

  // Thread-safe and lock-free: for loops.
  void count_bad_request(base::ErrorKind reason) {
    bad_requests_[static_cast<std::size_t>(reason)].fetch_add(1, std::memory_order_relaxed);
  }

  // A live value: `source` is called at each scrape, on the scraping thread, and emits one sample per label
  // set. REQUIRES: before the first scrape.
  using Emit = std::function<void(std::initializer_list<std::string_view> labels, double value)>;
  using Source = std::function<void(const Emit& emit)>;
  void add_source(Metric metric, Source source);

  // The whole exposition. Thread-safe.
  std::string expose() const;

 private:
  struct Series {
    double value = 0;  // a histogram's sum
    std::uint64_t count = 0;
    std::vector<std::uint64_t> buckets;
  };
  using SeriesByLabels = std::map<std::string, Series, std::less<>>;
  struct Family {
    mutable std::mutex mutex;
    SeriesByLabels series;  // by label values; protected by mutex, as `last`
    // Those asked for last, which mostly are the next, too: tokens of input and of output alternate.
    std::array<SeriesByLabels::iterator, 2> last{series.end(), series.end()};
    std::vector<Source> sources;  // constant after the start
  };

  Family& family_of(Metric metric) { return families_[static_cast<std::size_t>(metric)]; }
  // As add() and observe(). REQUIRES: the family's mutex is held.
  void count(Metric metric, std::initializer_list<std::string_view> labels, double by);
  void sample(Metric metric, std::initializer_list<std::string_view> labels, double seconds);
  static Series& series_of(const MetricRow& row, Family& family, Labels labels);
  void on_attempt(const ExchangeRecord& exchange, const AttemptRecord& attempt);
  void expose_family(std::string& out, const MetricRow& row) const;
  void expose_bad_requests(std::string& out) const;

  std::array<Family, static_cast<std::size_t>(Metric::count_)> families_;
  std::array<std::atomic<std::uint64_t>, static_cast<std::size_t>(base::ErrorKind::count_)> bad_requests_{};
};

}  // namespace headworks::telemetry
