// Why: the plan that would be made, and what rests.
#include <algorithm>
#include <cmath>
#include <limits>

#include "admin/body.hpp"
#include "admin/endpoints.hpp"
#include "admin/exchange_json.hpp"
#include "admin/store_calls.hpp"
#include "catalog/utc_time.hpp"
#include "routing/explanation.hpp"
#include "routing/sticky.hpp"

namespace headworks::admin {
namespace {

using base::ErrorKind;
using base::fail;
using base::Result;

double seconds_until(base::TimePoint at, base::TimePoint now) {
  return std::max(0.0, std::chrono::duration<double>(at - now).count());
}

double rounded(double seconds) { return std::round(seconds * 1e6) / 1e6; }

struct Question {
  std::string model;
  catalog::Api api = catalog::Api::openai;
  const catalog::ClientKeyEntry* key = nullptr;  // in the snapshot
  std::uint64_t tokens = 0;
  double deadline_seconds = 0;  // 0: none
};

Result<Question> read_question(const Call& call, const catalog::Snapshot& snapshot) {
  Question question;
  const auto body = read_members(call.body, {"model", "client_key", "dialect", "stream", "tokens", "deadline_seconds"});
  if (!body) return body.error();
  const auto model = find_text(**body, "model");
  if (!model) return model.error();
  if (!*model || (*model)->empty()) return wrong("$.model", "which model? a name as clients write it");
  question.model = **model;
  const auto dialect = find_text(**body, "dialect");
  if (!dialect) return dialect.error();
  if (*dialect) {
    const auto api = catalog::find_api(**dialect);
    if (!api) return wrong("$.dialect", "there is no such dialect", catalog::suggest(**dialect, catalog::api_names()));
    question.api = *api;
  }
  const auto key = find_text(**body, "client_key");
  if (!key) return key.error();
  if (*key) {
    for (const catalog::ClientKeyEntry& entry : snapshot.client_keys())
      if (entry.row.name == **key || entry.row.id == **key) question.key = &entry;
    if (question.key == nullptr) return wrong("$.client_key", "there is no client key of this name or id");
  }
  if (const auto stream = find_boolean(**body, "stream"); !stream) return stream.error();
  const auto tokens = find_number(**body, "tokens", 0, 1e9);
  if (!tokens) return tokens.error();
  question.tokens = static_cast<std::uint64_t>(tokens->value_or(0));
  const auto deadline = find_number(**body, "deadline_seconds", 0, 86'400);
  if (!deadline) return deadline.error();
  question.deadline_seconds = deadline->value_or(0);
  return question;
}

const store::CooldownRow* find_cooldown(const std::vector<store::CooldownRow>& running, const catalog::Target& target) {
  const catalog::BackendEntry& backend = *target.backend;
  for (const store::CooldownRow& row : running)
    if (row.backend_id == backend.row.id && (!row.model || *row.model == target.model || target.model.empty()))
      return &row;
  return nullptr;
}

void write_cooldown(json::JsonWriter& json, const store::CooldownRow& row) {
  const auto text = [&](std::string_view name, const std::optional<std::string>& value) {
    json.key(name);
    if (value) json.string(*value);
    else json.null();
  };
  json.open_object().key("id").number(row.id).key("backend_id").string(row.backend_id);
  text("model", row.model);
  json.key("scope").string(row.scope).key("cause").string(row.cause).key("source").string(row.duration_source);
  text("request_id", row.request_id);
  json.key("consecutive").number(row.consecutive);
  json.key("started_at").string(catalog::format_utc(row.started)).key("until").string(catalog::format_utc(row.until));
  json.key("ended_at");
  if (row.ended) json.string(catalog::format_utc(*row.ended));
  else json.null();
  json.close_object();
}

void write_prospect(json::JsonWriter& json, const routing::Prospect& prospect, std::string_view asked_model,
                    const std::vector<store::CooldownRow>& running, base::TimePoint now) {
  const catalog::Target& target = *prospect.target;
  const catalog::Backend& row = target.backend->row;
  const gauges::BackendGauge& gauge = *target.backend->gauge;
  json.open_object().key("backend").string(row.name).key("backend_id").string(row.id);
  json.key("model").string(target.model.empty() ? asked_model : std::string_view(target.model));
  json.key("score").real(rounded(prospect.score));
  json.key("out");
  if (prospect.out) json.string(routing::name_of(*prospect.out));
  else json.null();
  json.key("ready_in_seconds");
  if (prospect.ready_at) json.real(rounded(seconds_until(*prospect.ready_at, now)));
  else json.null();
  json.key("in_flight").number(gauge.in_flight()).key("max_in_flight").number(row.max_in_flight);
  json.key("starts_left");
  if (row.rpm_limit == 0) json.null();
  else json.number(gauge.bucket().level(now));
  json.key("rpm_limit").number(row.rpm_limit);
  json.key("first_byte_ms").real(rounded(std::chrono::duration<double, std::milli>(gauge.expected_first_byte(now)).count()));
  json.key("context_tokens").number(target.context_tokens);
  json.key("cooldown");
  const store::CooldownRow* cooldown = prospect.out ? find_cooldown(running, target) : nullptr;
  if (cooldown != nullptr) write_cooldown(json, *cooldown);
  else json.null();
  json.close_object();
}

// Who is not even a candidate: the first reason that there is.
std::string_view why_left_out(const catalog::BackendEntry& backend, catalog::Api asked) {
  if (backend.row.key_state == catalog::KeyState::unreadable) return "key_unreadable";
  if (!backend.usable()) return "disabled";
  return backend.row.api != asked ? "other_dialect" : "model_not_mapped";
}

void write_left_out(json::JsonWriter& json, const catalog::Snapshot& snapshot, const routing::Explanation& made,
                    catalog::Api asked) {
  std::vector<bool> named(snapshot.backends().size());
  for (const routing::TierView& tier : made.tiers)
    for (const routing::Prospect& prospect : tier.prospects) named[prospect.target->backend->index] = true;
  json.key("left_out").open_array();
  for (const catalog::BackendEntry& backend : snapshot.backends()) {
    if (named[backend.index]) continue;
    json.open_object().key("backend").string(backend.row.name).key("pool").string(backend.row.pool);
    json.key("why").string(why_left_out(backend, asked)).close_object();
  }
  json.close_array();
}

// What the request would be refused with before, or instead of, any attempt.
std::optional<ErrorKind> find_refusal(const Question& question, const routing::Explanation& made, base::WallTime now) {
  if (const catalog::ClientKeyEntry* key = question.key) {
    if (!key->row.enabled || key->expires_at <= now) return ErrorKind::invalid_api_key;
    if (!key->allows(question.model)) return ErrorKind::model_not_allowed;
  }
  if (made.tiers.empty()) return ErrorKind::model_not_found;
  if (made.next == routing::Explanation::Next::stop) return ErrorKind::no_backend;
  return std::nullopt;
}

void write_key(json::JsonWriter& json, const Question& question, base::TimePoint now) {
  json.key("client_key");
  if (question.key == nullptr) {
    json.null();
    return;
  }
  const catalog::ClientKeyEntry& key = *question.key;
  json.open_object().key("name").string(key.row.name).key("enabled").boolean(key.row.enabled);
  json.key("model_allowed").boolean(key.allows(question.model));
  json.key("in_flight").number(key.gauge->in_flight()).key("max_in_flight").number(key.row.max_in_flight);
  json.key("starts_left");
  if (key.row.rpm_limit == 0) json.null();
  else json.number(key.gauge->bucket().level(now));
  json.key("rpm_limit").number(key.row.rpm_limit).key("weight").number(key.row.weight).close_object();
}

}  // namespace

net::Task<Answer> post_explain(AdminContext& context, Call& call) {
  const std::shared_ptr<const catalog::Snapshot> snapshot = context.snapshot();
  const Result<Question> read = read_question(call, *snapshot);
  if (!read) co_return read.error();
  const Question& question = *read;
  auto asking = ask_store(context, [](store::CatalogTables& tables) { return tables.cooldowns.running(tables.wall); });
  const Result<std::vector<store::CooldownRow>> running = co_await asking;
  if (!running) co_return running.error();

  const base::TimePoint now = context.loop.refresh_now();
  const routing::RouteState route(snapshot->make_route(question.api, question.model));
  routing::Asking asked{.now = now,
                         .demand = {.tokens = question.tokens},
                         .ramp = std::chrono::duration_cast<base::Duration>(
                             std::chrono::duration<double>(snapshot->settings().cooldown.ramp_seconds))};
  if (question.deadline_seconds > 0)
    asked.deadline = now + std::chrono::duration_cast<base::Duration>(std::chrono::duration<double>(question.deadline_seconds));
  if (question.key != nullptr) asked.affinity = routing::affinity_of(question.key->row.id);
  const routing::Explanation made = routing::explain(route, asked, context.loop.random());

  Reply reply;
  json::JsonWriter json(reply.body);
  json.open_object().key("model").string(question.model).key("dialect").string(catalog::name_of(question.api));
  json.key("revision").number(static_cast<std::int64_t>(snapshot->revision()));
  write_key(json, question, now);
  const std::optional<ErrorKind> refusal = find_refusal(question, made, context.loop.wall());
  const auto next = refusal ? routing::Explanation::Next::stop : made.next;
  json.key("next").string(routing::name_of(next));
  json.key("error");
  if (refusal) json.string(base::code_of(*refusal));
  else json.null();
  json.key("pool");
  if (made.pool != nullptr && !refusal) json.string(made.pool->name);
  else json.null();
  json.key("wait_seconds");
  if (next == routing::Explanation::Next::wait) json.real(rounded(seconds_until(*made.earliest, now)));
  else json.null();
  json.key("tiers").open_array();
  for (const routing::TierView& tier : made.tiers) {
    json.open_object().key("pool").string(tier.pool->name).key("strategy").string(tier.pool->strategy);
    json.key("measure").string(tier.measure).key("patience_seconds").real(tier.pool->patience_seconds);
    json.key("candidates").open_array();
    for (const routing::Prospect& prospect : tier.prospects)
      write_prospect(json, prospect, question.model, *running, now);
    json.close_array().close_object();
  }
  json.close_array();
  write_left_out(json, *snapshot, made, question.api);
  json.close_object();
  co_return reply;
}

net::Task<Answer> list_cooldowns(AdminContext& context, Call& call) {
  const Result<std::uint64_t> before = read_count(call, "before", 0, std::numeric_limits<std::int64_t>::max());
  if (!before) co_return before.error();
  const Result<std::uint64_t> limit = read_count(call, "limit", 100, 1000);
  if (!limit) co_return limit.error();
  auto body = [from = static_cast<std::int64_t>(*before),
               most = static_cast<std::uint32_t>(*limit)](store::CatalogTables& tables) {
    return tables.cooldowns.list(from, most);
  };
  auto asking = ask_store(context, std::move(body));
  const Result<std::vector<store::CooldownRow>> rows = co_await asking;
  if (!rows) co_return rows.error();
  Reply reply;
  json::JsonWriter json(reply.body);
  json.open_object().key("data").open_array();
  for (const store::CooldownRow& row : *rows) write_cooldown(json, row);
  json.close_array().key("next");
  if (rows->size() == *limit && !rows->empty()) json.string(std::to_string(rows->back().id));
  else json.null();
  json.close_object();
  co_return reply;
}

}  // namespace headworks::admin
