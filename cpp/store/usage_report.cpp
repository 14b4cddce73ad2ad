#include "store/usage_report.hpp"

#include <algorithm>
#include <array>

namespace headworks::store {
namespace {

constexpr std::array<std::string_view, 4> kNames = {"model", "backend", "key", "pool"};
constexpr std::array<std::string_view, 4> kColumns = {"model", "backend", "client_key", "pool"};
constexpr std::array<std::string_view, 4> kSteps = {"", "minute", "hour", "day"};
constexpr std::array<std::int64_t, 4> kStepSeconds = {0, 60, 3600, 86'400};

std::int64_t us_of(base::WallTime at) {
  return std::chrono::floor<std::chrono::microseconds>(at.time_since_epoch()).count();
}

}  // namespace

std::string_view name_of(UsageKey key) { return kNames[static_cast<std::size_t>(key)]; }

std::optional<UsageKey> find_usage_key(std::string_view name) {
  const auto found = std::find(kNames.begin(), kNames.end(), name);
  return found == kNames.end() ? std::nullopt : std::optional(static_cast<UsageKey>(found - kNames.begin()));
}

std::optional<UsageStep> find_usage_step(std::string_view name) {
  const auto found = std::find(kSteps.begin(), kSteps.end(), name);
  return found == kSteps.end() ? std::nullopt : std::optional(static_cast<UsageStep>(found - kSteps.begin()));
}

// The columns' names are ours; everything else is bound.
std::vector<UsageSum> sum_usage(Connection& db, const UsageQuestion& question) {
  const bool stepped = question.step != UsageStep::none;
  const std::int64_t step = std::max<std::int64_t>(kStepSeconds[static_cast<std::size_t>(question.step)], 1) * 1'000'000;
  std::string keys;
  for (const UsageKey key : question.by) keys.append(", ").append(kColumns[static_cast<std::size_t>(key)]);
  std::string sql = "SELECT started_us / ?1 * ?1 AS at_us";
  sql += keys;
  sql +=
      ", sum(final), sum(final AND exchange_error IS NOT NULL), count(*), sum(input_tokens), sum(output_tokens), "
      "sum(cached_input_tokens), sum(cache_write_tokens), sum(reasoning_tokens), "
      "sum(usage_source IN ('estimated', 'partial')), sum(cost_micro_usd), "
      "avg(CASE WHEN final THEN exchange_us END), max(exchange_us), "
      "avg(CASE WHEN final AND error IS NULL THEN first_byte_us END), avg(CASE WHEN final THEN overhead_us END) "
      "FROM attempts WHERE started_us >= ?2 AND started_us < ?3";
  if (stepped) sql += " GROUP BY at_us" + keys + " ORDER BY at_us DESC, sum(cost_micro_usd) DESC";
  else if (!keys.empty()) sql += " GROUP BY " + keys.substr(2) + " ORDER BY sum(cost_micro_usd) DESC, count(*) DESC";
  sql += " LIMIT ?4";
  Query found = db.query(sql, step, us_of(question.since), us_of(question.until), question.limit);
  std::vector<UsageSum> sums;
  while (found.next()) {
    UsageSum& sum = sums.emplace_back();
    if (stepped) sum.at = base::WallTime{std::chrono::microseconds{found.integer(0)}};
    int column = 1;
    for (std::size_t key = 0; key < question.by.size(); ++key) sum.by.push_back(found.string(column++));
    for (std::int64_t* value : {&sum.exchanges, &sum.errors, &sum.attempts, &sum.input_tokens, &sum.output_tokens,
                                &sum.cached_input_tokens, &sum.cache_write_tokens, &sum.reasoning_tokens, &sum.estimated,
                                &sum.cost_micro_usd})
      *value = found.integer(column++);
    for (double* value : {&sum.mean_ms, &sum.most_ms, &sum.first_byte_ms, &sum.overhead_ms})
      *value = found.real(column++) / 1000;
  }
  return sums;
}

}  // namespace headworks::store
