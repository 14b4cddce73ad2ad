// Exchanges: those that run now, those of the last moments from memory, older ones from the ledger.
#include <algorithm>
#include <unordered_set>

#include "admin/body.hpp"
#include "admin/endpoints.hpp"
#include "admin/exchange_json.hpp"
#include "admin/store_calls.hpp"
#include "store/attempts_table.hpp"
#include "store/exchange_search.hpp"

namespace headworks::admin {
namespace {

using base::ErrorKind;
using base::fail;
using base::Result;
using telemetry::ExchangeRecord;
using Record = std::shared_ptr<const ExchangeRecord>;

enum class State : std::uint8_t { any, running, finished };

struct Question {
  store::ExchangeSearch search;
  State state = State::any;
};

Result<Question> read_question(const Call& call, base::WallTime now) {
  Question question;
  const Result<std::uint64_t> limit = read_count(call, "limit", 100, 1000);
  if (!limit) return limit.error();
  question.search.limit = static_cast<std::uint32_t>(*limit);
  for (const store::UsageKey key : store::kUsageKeys)
    if (const std::string_view only = call.find_query(store::name_of(key)); !only.empty())
      question.search.only[static_cast<std::size_t>(key)] = only;
  const std::string_view errors = call.find_query("errors");
  if (!errors.empty() && errors != "0" && errors != "1") return wrong("?errors", "must be 0 or 1");
  question.search.errors = errors == "1";
  const Result<std::uint64_t> status = read_count(call, "status", 0, 999);
  if (!status) return status.error();
  if (*status != 0) question.search.status = static_cast<std::uint16_t>(*status);
  const Result<base::WallTime> since = read_moment(call, "since", now, base::WallTime{});
  if (!since) return since.error();
  question.search.since = *since;
  if (const std::string_view before = call.find_query("before"); !before.empty()) {
    question.search.before = store::ExchangePlace::parse(before);
    if (!question.search.before) return wrong("?before", "must be the `next` of an earlier page");
  }
  const std::string_view state = call.find_query("state");
  if (state == "running") question.state = State::running;
  else if (state == "finished") question.state = State::finished;
  else if (!state.empty()) return wrong("?state", "must be running or finished");
  return question;
}

store::ExchangePlace place_of(const ExchangeRecord& record) {
  return {.started_us = std::chrono::floor<std::chrono::microseconds>(record.started.time_since_epoch()).count(),
          .request_id = std::string(record.id.view())};
}
bool is_before(const store::ExchangePlace& one, const store::ExchangePlace& other) {
  return std::pair(one.started_us, std::string_view(one.request_id)) <
         std::pair(other.started_us, std::string_view(other.request_id));
}
bool is_newer(const Record& one, const Record& other) { return is_before(place_of(*other), place_of(*one)); }

bool fits(const ExchangeRecord& record, const store::ExchangeSearch& search) {
  if (search.errors && !record.error) return false;
  if (search.status && *search.status != record.status) return false;
  if (record.started < search.since) return false;
  const auto is = [&](store::UsageKey key, std::string_view value) {
    const auto& only = search.only[static_cast<std::size_t>(key)];
    return !only || *only == value;
  };
  if (!is(store::UsageKey::model, record.model) || !is(store::UsageKey::key, record.client_key)) return false;
  const auto through = [&](const telemetry::AttemptRecord& attempt) {
    return is(store::UsageKey::backend, attempt.backend) && is(store::UsageKey::pool, attempt.pool);
  };
  const bool any = is(store::UsageKey::backend, "") && is(store::UsageKey::pool, "");
  return any || std::any_of(record.attempts.begin(), record.attempts.end(), through);
}

// The running ones, the newest first.
net::Task<Result<std::vector<Record>>> ask_running(AdminContext& context, const store::ExchangeSearch& search) {
  StoreAnswer<std::vector<ExchangeRecord>> answer(context.loop);
  context.shared.ask_running(answer.callback());
  Result<std::vector<ExchangeRecord>> all = co_await answer;
  if (!all) co_return all.error();
  std::vector<Record> running;
  for (ExchangeRecord& record : *all)
    if (fits(record, search)) running.push_back(std::make_shared<const ExchangeRecord>(std::move(record)));
  std::sort(running.begin(), running.end(), is_newer);
  co_return running;
}

// A page of finished ones, out of memory and ledger: the same exchange may be in both.
struct Finished {
  std::vector<Record> records;
  std::optional<store::ExchangePlace> next;
};

net::Task<Result<Finished>> ask_finished(AdminContext& context, const store::ExchangeSearch& search) {
  StoreAnswer<store::ExchangePage> answer(context.loop);
  answer.refuse_unless(context.shared.ledger_reader.post(
      [search](store::Connection& db) { return store::search_exchanges(db, search); }, answer.callback()));
  Result<store::ExchangePage> page = co_await answer;
  if (!page) co_return page.error();
  Finished finished{.records = {}, .next = page->next};
  std::unordered_set<std::string_view> known;
  for (const auto& entry : context.shared.recent.latest(std::numeric_limits<std::size_t>::max())) {
    const store::ExchangePlace place = place_of(*entry.record);
    if (search.before && !is_before(place, *search.before)) continue;
    if (finished.next && is_before(place, *finished.next)) continue;  // on a later page
    if (!fits(*entry.record, search)) continue;
    known.insert(entry.record->id.view());
    finished.records.push_back(entry.record);
  }
  for (ExchangeRecord& record : page->exchanges)
    if (!known.contains(record.id.view())) finished.records.push_back(std::make_shared<const ExchangeRecord>(std::move(record)));
  std::sort(finished.records.begin(), finished.records.end(), is_newer);
  if (finished.records.size() > search.limit) {
    finished.records.resize(search.limit);
    finished.next = place_of(*finished.records.back());
  }
  co_return finished;
}

}  // namespace

net::Task<Answer> get_exchange(AdminContext& context, Call& call) {
  const std::string& id = call.path.front();
  Record record = context.shared.recent.find(id);
  ExchangeState state = ExchangeState::finished;
  if (record == nullptr) {
    const store::ExchangeSearch everything;
    net::Task<Result<std::vector<Record>>> asking = ask_running(context, everything);
    const Result<std::vector<Record>> running = co_await asking;
    if (!running) co_return running.error();
    for (const Record& one : *running)
      if (one->id.view() == id) record = one, state = ExchangeState::running;
  }
  if (record == nullptr) {
    StoreAnswer<std::optional<ExchangeRecord>> found(context.loop);
    found.refuse_unless(context.shared.ledger_reader.post(
        [id](store::Connection& db) { return store::AttemptsTable(db).find(id); }, found.callback()));
    auto row = co_await found;
    if (!row) co_return row.error();
    if (*row) record = std::make_shared<const ExchangeRecord>(**std::move(row));
  }
  if (record == nullptr) {
    base::Error error = fail(ErrorKind::not_found, "there is no such exchange, or it is not in the ledger any more");
    error.hint = "the id is the answer's x-request-id; an exchange without any attempt is kept for a short time only";
    co_return error;
  }
  Reply reply;
  json::JsonWriter json(reply.body);
  write_exchange(json, *record, state, Detail::whole);
  co_return reply;
}

net::Task<Answer> list_exchanges(AdminContext& context, Call& call) {
  Result<Question> question = read_question(call, context.loop.wall());
  if (!question) co_return question.error();
  store::ExchangeSearch& search = question->search;
  std::vector<Record> running;
  if (question->state != State::finished && !search.before) {
    net::Task<Result<std::vector<Record>>> asking = ask_running(context, search);
    Result<std::vector<Record>> answer = co_await asking;
    if (!answer) co_return answer.error();
    running = *std::move(answer);
    running.resize(std::min<std::size_t>(running.size(), search.limit));
  }
  Finished finished;
  if (question->state != State::running) {
    search.limit = std::max<std::uint32_t>(1, search.limit - static_cast<std::uint32_t>(running.size()));
    net::Task<Result<Finished>> asking = ask_finished(context, search);
    Result<Finished> answer = co_await asking;
    if (!answer) co_return answer.error();
    finished = *std::move(answer);
  }
  Reply reply;
  json::JsonWriter json(reply.body);
  json.open_object().key("data").open_array();
  for (const Record& record : running) write_exchange(json, *record, ExchangeState::running, Detail::line);
  for (const Record& record : finished.records) write_exchange(json, *record, ExchangeState::finished, Detail::line);
  json.close_array().key("next");
  if (finished.next) json.string(finished.next->format());
  else json.null();
  json.close_object();
  co_return reply;
}

}  // namespace headworks::admin
