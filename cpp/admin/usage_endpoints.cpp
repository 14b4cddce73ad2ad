// What was used and what it cost, summed over the ledger.
#include <algorithm>
#include <charconv>

#include "admin/body.hpp"
#include "admin/endpoints.hpp"
#include "admin/store_calls.hpp"
#include "catalog/problem.hpp"
#include "catalog/utc_time.hpp"
#include "store/usage_report.hpp"

namespace headworks::admin {
namespace {

using base::Result;

// "2026-01-31T09:30:00Z", or so long ago: "90m", "24h", "7d".
std::optional<base::WallTime> find_moment(std::string_view text, base::WallTime now) {
  if (const auto at = catalog::parse_utc(text)) return at;
  std::int64_t count = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (failed != std::errc{} || end + 1 != text.data() + text.size() || count < 0 || count > 100'000) return std::nullopt;
  switch (*end) {
    case 'm': return now - std::chrono::minutes{count};
    case 'h': return now - std::chrono::hours{count};
    case 'd': return now - std::chrono::days{count};
    default: return std::nullopt;
  }
}

Result<store::UsageQuestion> read_question(const Call& call, base::WallTime now) {
  store::UsageQuestion question;
  const auto read_moment = [&](std::string_view name, base::WallTime otherwise) -> Result<base::WallTime> {
    const std::string_view text = call.find_query(name);
    if (text.empty()) return otherwise;
    if (const auto at = find_moment(text, now)) return *at;
    return wrong("?" + std::string(name), "must be a moment or an age", "2026-01-31T09:30:00Z, 90m, 24h or 7d");
  };
  const Result<base::WallTime> since = read_moment("since", now - std::chrono::hours{24});
  if (!since) return since.error();
  const Result<base::WallTime> until = read_moment("until", now + std::chrono::minutes{1});
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
  const auto step = store::find_usage_step(call.find_query("step"));
  if (!step) return wrong("?step", "must be minute, hour or day");
  question.step = *step;
  const Result<std::uint64_t> limit = read_count(call, "limit", 1000, 10'000);
  if (!limit) return limit.error();
  question.limit = static_cast<std::uint32_t>(*limit);
  return question;
}

boost::json::object json_of(const store::UsageSum& sum, const store::UsageQuestion& question) {
  boost::json::object row;
  if (sum.at) row["at"] = catalog::format_utc(*sum.at);
  for (std::size_t key = 0; key < sum.by.size(); ++key) row[store::name_of(question.by[key])] = sum.by[key];
  row["exchanges"] = sum.exchanges, row["errors"] = sum.errors, row["attempts"] = sum.attempts;
  row["input_tokens"] = sum.input_tokens, row["output_tokens"] = sum.output_tokens;
  row["cached_input_tokens"] = sum.cached_input_tokens, row["cache_write_tokens"] = sum.cache_write_tokens;
  row["reasoning_tokens"] = sum.reasoning_tokens, row["estimated"] = sum.estimated;
  row["cost_usd"] = static_cast<double>(sum.cost_micro_usd) / 1e6;
  row["mean_ms"] = sum.mean_ms, row["most_ms"] = sum.most_ms;
  row["first_byte_ms"] = sum.first_byte_ms, row["overhead_ms"] = sum.overhead_ms;
  return row;
}

}  // namespace

net::Task<Answer> get_usage(AdminContext& context, Call& call) {
  const Result<store::UsageQuestion> question = read_question(call, context.loop.wall());
  if (!question) co_return question.error();
  StoreAnswer<std::vector<store::UsageSum>> answer(context.loop);
  answer.refuse_unless(context.shared.ledger_reader.post(
      [question = *question](store::Connection& db) { return store::sum_usage(db, question); }, answer.callback()));
  const Result<std::vector<store::UsageSum>> sums = co_await answer;
  if (!sums) co_return sums.error();
  boost::json::array rows;
  for (const store::UsageSum& sum : *sums) rows.push_back(json_of(sum, *question));
  co_return reply_page(std::move(rows), std::nullopt, context.snapshot()->revision());
}

}  // namespace headworks::admin
