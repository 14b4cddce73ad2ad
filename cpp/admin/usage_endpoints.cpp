// What was used and what it cost, summed over the ledger.
#include <algorithm>
#include <array>

#include "admin/body.hpp"
#include "admin/endpoints.hpp"
#include "admin/store_calls.hpp"
#include "catalog/problem.hpp"
#include "catalog/utc_time.hpp"
#include "store/usage_report.hpp"

namespace headworks::admin {
namespace {

using base::Result;

Result<store::UsageQuestion> read_question(const Call& call, base::WallTime now) {
  store::UsageQuestion question;
  const Result<base::WallTime> since = read_moment(call, "since", now, now - std::chrono::hours{24});
  if (!since) return since.error();
  const Result<base::WallTime> until = read_moment(call, "until", now, now + std::chrono::minutes{1});
  if (!until) return until.error();
  question.since = *since;
  question.until = *until;
  for (std::string_view names = call.find_query("by"); !names.empty();) {
    const std::string_view name = names.substr(0, names.find(','));
    names.remove_prefix(std::min(name.size() + 1, names.size()));
    const auto key = store::find_usage_key(name);
    if (!key) return wrong("?by", "there is no '" + std::string(name.substr(0, 32)) + "'", "model, backend, key, pool, with commas between");
    if (std::find(question.by.begin(), question.by.end(), *key) == question.by.end()) question.by.push_back(*key);
  }
  for (const store::UsageKey key : store::kUsageKeys)
    if (const std::string_view only = call.find_query(store::name_of(key)); !only.empty())
      question.only[static_cast<std::size_t>(key)] = only;
  const auto step = store::find_usage_step(call.find_query("step"));
  if (!step) return wrong("?step", "must be minute, hour or day");
  question.step = *step;
  const Result<std::uint64_t> limit = read_count(call, "limit", 1000, 10'000);
  if (!limit) return limit.error();
  question.limit = static_cast<std::uint32_t>(*limit);
  return question;
}

double mean_ms(std::int64_t us, std::int64_t count) {
  return count == 0 ? 0 : static_cast<double>(us) / 1000 / static_cast<double>(count);
}

boost::json::object json_of(const store::UsageRow& row, const store::UsageQuestion& question) {
  boost::json::object json;
  if (row.at) json["at"] = catalog::format_utc(*row.at);
  for (std::size_t key = 0; key < row.by.size(); ++key) json[store::name_of(question.by[key])] = row.by[key];
  const store::Sums& sums = row.sums;
  json["exchanges"] = sums.exchanges, json["errors"] = sums.errors, json["attempts"] = sums.attempts;
  json["input_tokens"] = sums.input_tokens, json["output_tokens"] = sums.output_tokens;
  json["cached_input_tokens"] = sums.cached_input_tokens, json["cache_write_tokens"] = sums.cache_write_tokens;
  json["reasoning_tokens"] = sums.reasoning_tokens, json["estimated"] = sums.estimated;
  json["cost_usd"] = static_cast<double>(sums.cost_micro_usd) / 1e6;
  json["mean_ms"] = mean_ms(sums.exchange_us, sums.exchanges);
  json["overhead_ms"] = mean_ms(sums.overhead_us, sums.exchanges);
  json["first_byte_ms"] = mean_ms(sums.first_byte_us, static_cast<std::int64_t>(sums.first_byte.count()));
  constexpr std::array<std::pair<std::string_view, double>, 3> kQuantiles = {{{"p50_ms", 0.5}, {"p95_ms", 0.95}, {"p99_ms", 0.99}}};
  const auto ms = [](base::Duration lasted) { return std::chrono::duration<double, std::milli>(lasted).count(); };
  for (const auto& [name, q] : kQuantiles) {
    json[name] = ms(sums.latency.quantile(q));
    json["first_byte_" + std::string(name)] = ms(sums.first_byte.quantile(q));
  }
  return json;
}

}  // namespace

net::Task<Answer> get_usage(AdminContext& context, Call& call) {
  const Result<store::UsageQuestion> question = read_question(call, context.loop.wall());
  if (!question) co_return question.error();
  // What was written a moment ago is part of the answer; where it cannot be summed up now (a locked disk), the rest is.
  StoreAnswer<bool> summing(context.loop);
  summing.refuse_unless(context.shared.ledger.post_sum(summing.callback()));
  co_await summing;
  StoreAnswer<store::UsageAnswer> answer(context.loop);
  answer.refuse_unless(context.shared.ledger_reader.post(
      [question = *question](store::Connection& db) { return store::sum_usage(db, question); }, answer.callback()));
  const Result<store::UsageAnswer> sums = co_await answer;
  if (!sums) co_return sums.error();
  boost::json::array rows;
  for (const store::UsageRow& row : sums->rows) rows.push_back(json_of(row, *question));
  const boost::json::object page{{"data", std::move(rows)},
                                 {"next", nullptr},
                                 {"since", catalog::format_utc(sums->since)},
                                 {"until", catalog::format_utc(sums->until)},
                                 {"more", sums->more}};
  co_return reply_json(page, context.snapshot()->revision());
}

}  // namespace headworks::admin
