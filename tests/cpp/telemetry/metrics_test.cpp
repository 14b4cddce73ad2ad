#include "telemetry/metrics.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <thread>

#include "record_fixture.hpp"
#include "telemetry/prometheus_text.hpp"

namespace headworks::telemetry {
namespace {

// A small strict reader of the exposition format: one HELP and TYPE per family, then only its samples, no
// sample twice, histograms that add up. Answers sample -> value.
class Exposition {
 public:
  explicit Exposition(const std::string& text) {
    EXPECT_TRUE(text.ends_with('\n'));
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) read(line);
    for (const auto& [series, cumulated] : last_bucket_) EXPECT_EQ(cumulated, samples_.at(series)) << series;
  }
  double operator[](const std::string& sample) const {
    const auto found = samples_.find(sample);
    if (found == samples_.end()) ADD_FAILURE() << "no sample " << sample;
    return found == samples_.end() ? -1 : found->second;
  }
  bool has(const std::string& sample) const { return samples_.contains(sample); }
  std::size_t size() const { return samples_.size(); }
  const std::map<std::string, std::string>& types() const { return types_; }

 private:
  void read(const std::string& line) {
    if (line.starts_with("# HELP ")) {
      family_ = line.substr(7, line.find(' ', 7) - 7);
      EXPECT_TRUE(helped_.insert(family_).second) << line;
      return;
    }
    if (line.starts_with("# TYPE ")) {
      const std::size_t space = line.find(' ', 7);
      EXPECT_EQ(line.substr(7, space - 7), family_);
      EXPECT_TRUE(types_.emplace(family_, line.substr(space + 1)).second) << line;
      return;
    }
    const std::size_t end = end_of_labels(line);
    const std::string sample = line.substr(0, end);
    ASSERT_TRUE(sample.starts_with(family_)) << line;
    ASSERT_EQ(line[end], ' ') << line;
    char* rest = nullptr;
    const double value = std::strtod(line.c_str() + end + 1, &rest);
    EXPECT_EQ(*rest, '\0') << line;
    EXPECT_TRUE(samples_.emplace(sample, value).second) << "twice: " << line;
    check_bucket(sample, value);
  }

  static std::size_t end_of_labels(const std::string& line) {
    const std::size_t brace = line.find_first_of("{ ");
    if (line[brace] == ' ') return brace;
    bool quoted = false;
    for (std::size_t at = brace; at < line.size(); ++at) {
      if (quoted && line[at] == '\\')
        ++at;
      else if (line[at] == '"')
        quoted = !quoted;
      else if (line[at] == '}' && !quoted)
        return at + 1;
    }
    ADD_FAILURE() << "labels never end: " << line;
    return line.size();
  }

  void check_bucket(const std::string& sample, double value) {
    const std::size_t le = sample.find("le=\"");
    if (types_[family_] != "histogram" || le == std::string::npos) return;
    std::string series = sample.substr(0, le == sample.find('{') + 1 ? le - 1 : le - 1);
    if (series.find('{') != std::string::npos) series += '}';
    series.replace(series.find("_bucket"), 7, "_count");
    EXPECT_GE(value, last_bucket_[series]) << sample;
    last_bucket_[series] = value;
  }

  std::string family_;
  std::set<std::string> helped_;
  std::map<std::string, std::string> types_;
  std::map<std::string, double> samples_;
  std::map<std::string, double> last_bucket_;
};

Exposition exposed(const Metrics& metrics) { return Exposition(metrics.expose()); }

TEST(Metrics, TheNamesAreThoseOfTheSurface) {
  const Exposition exposition = exposed(Metrics());
  for (const char* name : {"exchanges_total",
                           "exchange_seconds",
                           "overhead_seconds",
                           "attempts_total",
                           "time_to_first_token_seconds",
                           "in_flight",
                           "bucket_level",
                           "cooling",
                           "cooldowns_total",
                           "queue_depth",
                           "queue_wait_seconds",
                           "tokens_total",
                           "cost_usd_total",
                           "client_aborts_total",
                           "bad_requests_total",
                           "connections",
                           "memory_held_bytes",
                           "ledger_lag_seconds",
                           "ledger_dropped_total",
                           "hook_seconds",
                           "hook_failures_total",
                           "loop_lag_seconds",
                           "catalog_revision",
                           "build_info"})
    EXPECT_TRUE(exposition.types().contains(std::string("headworks_") + name)) << name;
  for (const auto& [name, type] : exposition.types())
    EXPECT_EQ(name.ends_with("_total"), type == "counter") << name;
  EXPECT_EQ(exposition[std::string("headworks_build_info{version=\"") + HEADWORKS_VERSION + "\"}"], 1);
}

TEST(Metrics, AFinishedExchangeIsCountedEverywhere) {
  Metrics metrics;
  const ExchangeRecord records[] = {sample_record(1), sample_record(2)};
  metrics.on_exchanges(records);
  const Exposition exposition = exposed(metrics);
  EXPECT_EQ(exposition["headworks_exchanges_total{route=\"/v1/chat/"
                       "completions\",model=\"llama-70b\",pool=\"fallback\",status=\"200\"}"],
            2);
  EXPECT_EQ(exposition["headworks_exchange_seconds_count"], 2);
  EXPECT_DOUBLE_EQ(exposition["headworks_exchange_seconds_sum"], 0.25);
  EXPECT_EQ(exposition["headworks_exchange_seconds_bucket{le=\"0.1\"}"], 0);
  EXPECT_EQ(exposition["headworks_exchange_seconds_bucket{le=\"0.25\"}"], 2);
  EXPECT_EQ(exposition["headworks_exchange_seconds_bucket{le=\"+Inf\"}"], 2);
  EXPECT_EQ(exposition["headworks_overhead_seconds_bucket{le=\"0.00025\"}"], 2);
  EXPECT_EQ(exposition["headworks_attempts_total{backend=\"nim-1\",outcome=\"upstream_error\"}"], 2);
  EXPECT_EQ(exposition["headworks_attempts_total{backend=\"paid\",outcome=\"ok\"}"], 2);
  EXPECT_EQ(exposition["headworks_time_to_first_token_seconds_bucket{backend=\"paid\",le=\"0.05\"}"], 2);
  EXPECT_FALSE(exposition.has("headworks_time_to_first_token_seconds_count{backend=\"nim-1\"}"));
  EXPECT_EQ(exposition["headworks_tokens_total{model=\"llama-70b\",backend=\"paid\",direction=\"input\"}"],
            24);
  EXPECT_EQ(exposition["headworks_tokens_total{model=\"llama-70b\",backend=\"paid\",direction=\"output\"}"],
            68);
  EXPECT_DOUBLE_EQ(exposition["headworks_cost_usd_total"], 0.003);
  EXPECT_EQ(exposition["headworks_client_aborts_total"], 0);
}

TEST(Metrics, WhatTheCatalogDoesNotKnowIsOther) {
  Metrics metrics;
  ExchangeRecord record;
  record.status = 499;
  record.error = base::ErrorKind::client_closed;
  metrics.on_exchanges({&record, 1});
  const Exposition exposition = exposed(metrics);
  EXPECT_EQ(
      exposition["headworks_exchanges_total{route=\"other\",model=\"other\",pool=\"other\",status=\"499\"}"],
      1);
  EXPECT_EQ(exposition["headworks_client_aborts_total"], 1);
}

TEST(Metrics, LabelValuesAreEscaped) {
  Metrics metrics;
  metrics.add(Metric::cooldowns, {"a\"b\\c\nd", "rate_limited"});
  metrics.add(Metric::cooldowns, {"", "rate_limited"}, 2);
  const Exposition exposition = exposed(metrics);
  EXPECT_EQ(exposition["headworks_cooldowns_total{backend=\"a\\\"b\\\\c\\nd\",cause=\"rate_limited\"}"], 1);
  EXPECT_EQ(exposition["headworks_cooldowns_total{backend=\"\",cause=\"rate_limited\"}"], 2);
}

TEST(Metrics, TheNumberOfSeriesIsBounded) {
  Metrics metrics;
  for (std::size_t i = 0; i < Metrics::kMaxSeries + 100; ++i)
    metrics.add(Metric::cooldowns, {std::to_string(i), "rate_limited"});
  EXPECT_EQ(exposed(metrics)["headworks_cooldowns_total{backend=\"other\",cause=\"other\"}"], 100);
}

TEST(Metrics, LiveValuesAreAskedAtTheScrape) {
  Metrics metrics;
  double level = 3;
  metrics.add_source(Metric::bucket_level, [&](const Metrics::Emit& emit) {
    emit({"nim-1"}, level);
    emit({"nim-2"}, 0.5);
  });
  EXPECT_EQ(exposed(metrics)["headworks_bucket_level{backend=\"nim-1\"}"], 3);
  level = 1'000'000;
  const Exposition later = exposed(metrics);
  EXPECT_EQ(later["headworks_bucket_level{backend=\"nim-1\"}"], 1'000'000);
  EXPECT_EQ(later["headworks_bucket_level{backend=\"nim-2\"}"], 0.5);
}

TEST(Metrics, BadRequestsAreCountedByReasonFromAnyThread) {
  Metrics metrics;
  std::vector<std::thread> loops;
  for (int loop = 0; loop < 4; ++loop) {
    loops.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) metrics.count_bad_request(base::ErrorKind::invalid_json);
    });
  }
  for (std::thread& loop : loops) loop.join();
  const Exposition exposition = exposed(metrics);
  EXPECT_EQ(exposition["headworks_bad_requests_total{reason=\"invalid_json\"}"], 4000);
  EXPECT_FALSE(exposition.has("headworks_bad_requests_total{reason=\"missing_model\"}"));
}

TEST(Metrics, HistogramsKeepWhatLiesAboveTheLastBound) {
  Metrics metrics;
  metrics.observe(Metric::hook_seconds, {"route"}, 0.0001);
  metrics.observe(Metric::hook_seconds, {"route"}, 5000);
  const Exposition exposition = exposed(metrics);
  EXPECT_EQ(exposition["headworks_hook_seconds_bucket{hook=\"route\",le=\"5e-05\"}"], 0);
  EXPECT_EQ(exposition["headworks_hook_seconds_bucket{hook=\"route\",le=\"0.0001\"}"], 1);
  EXPECT_EQ(exposition["headworks_hook_seconds_bucket{hook=\"route\",le=\"1\"}"], 1);
  EXPECT_EQ(exposition["headworks_hook_seconds_bucket{hook=\"route\",le=\"+Inf\"}"], 2);
}

TEST(Metrics, AScrapeAndTheRecorderDoNotDisturbEachOther) {
  Metrics metrics;
  std::thread recorder([&] {
    const ExchangeRecord record = sample_record();
    for (int i = 0; i < 500; ++i) metrics.on_exchanges({&record, 1});
  });
  for (int i = 0; i < 20; ++i) exposed(metrics);
  recorder.join();
  EXPECT_EQ(exposed(metrics)["headworks_exchange_seconds_count"], 500);
}

TEST(MetricTable, RowsAreComplete) {
  for (const MetricRow& row : metric_table()) {
    EXPECT_TRUE(row.help.ends_with('.')) << row.name;
    EXPECT_EQ(row.type == MetricType::histogram, !row.buckets.empty()) << row.name;
    EXPECT_TRUE(std::is_sorted(row.buckets.begin(), row.buckets.end())) << row.name;
    EXPECT_EQ(&row_of(row.metric), &row);
  }
}

}  // namespace
}  // namespace headworks::telemetry
