#include "store/sidecar_tables.hpp"

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <charconv>
#include <cmath>
#include <span>

#include "catalog/utc_time.hpp"
#include "wire/date.hpp"

namespace headworks::store {
namespace {

using Names = std::span<const std::string_view>;

constexpr std::array<std::string_view, 7> kTime = {"started_at", "created_at", "timestamp", "ts", "time", "at", "date"};
constexpr std::array<std::string_view, 5> kBackend = {"backend_id", "backend", "backend_name", "provider_id", "provider"};
constexpr std::array<std::string_view, 4> kModel = {"canonical_model", "model", "model_name", "requested_model"};
constexpr std::array<std::string_view, 3> kModelSent = {"model_sent", "upstream_model", "backend_model"};
constexpr std::array<std::string_view, 4> kKey = {"client_key", "api_key_name", "key_name", "client"};
constexpr std::array<std::string_view, 3> kInput = {"input_tokens", "prompt_tokens", "tokens_in"};
constexpr std::array<std::string_view, 3> kOutput = {"output_tokens", "completion_tokens", "tokens_out"};
constexpr std::array<std::string_view, 2> kCached = {"cached_input_tokens", "cached_tokens"};
constexpr std::array<std::string_view, 1> kTokens = {"total_tokens"};
constexpr std::array<std::string_view, 2> kUsd = {"cost_usd", "cost"};
constexpr std::array<std::string_view, 3> kStatus = {"status_code", "http_status", "status"};
constexpr std::array<std::string_view, 3> kError = {"error", "error_message", "error_kind"};
constexpr std::array<std::string_view, 4> kTotalMs = {"latency_ms", "duration_ms", "total_ms", "elapsed_ms"};
constexpr std::array<std::string_view, 2> kFirstMs = {"first_byte_ms", "ttft_ms"};
constexpr std::array<std::string_view, 2> kStream = {"stream", "streaming"};
constexpr std::array<std::string_view, 2> kOfNoUse = {"id", "request_id"};  // ours are made anew
constexpr std::array<std::string_view, 4> kUntil = {"cooldown_until", "until", "expires_at", "ends_at"};
constexpr std::array<std::string_view, 2> kBegan = {"started_at", "created_at"};
constexpr std::array<std::string_view, 3> kCount = {"consecutive_429_count", "consecutive", "count"};
constexpr std::array<std::string_view, 2> kSettingName = {"key", "name"};
constexpr std::array<std::string_view, 2> kSettingValue = {"value", "value_json"};

// One table's rows, and which of their columns somebody asked for.
class Reader {
 public:
  explicit Reader(const SidecarRow& row) : row_(row) {}

  std::string_view text(Names names) const {
    for (const std::string_view name : names)
      if (const auto found = row_.find(name); found != row_.end() && !found->second.empty()) return found->second;
    return {};
  }
  double number(Names names) const {
    const std::string_view said = text(names);
    double value = 0;
    const auto [end, failed] = std::from_chars(said.data(), said.data() + said.size(), value);
    return failed == std::errc{} && end == said.data() + said.size() && std::isfinite(value) ? value : 0;
  }
  std::uint64_t count(Names names) const {
    return static_cast<std::uint64_t>(std::clamp(number(names), 0.0, 1e12));
  }
  base::Duration ms(Names names) const {
    return std::chrono::duration_cast<base::Duration>(
        std::chrono::duration<double, std::milli>(std::clamp(number(names), 0.0, 86'400e3)));
  }
  // A date, or seconds or milliseconds since 1970.
  std::optional<base::WallTime> moment(Names names) const {
    std::string said(text(names));
    if (const double since = number(names); since > 1e8)
      return base::WallTime{std::chrono::milliseconds{static_cast<std::int64_t>(since > 1e11 ? since : since * 1000)}};
    if (said.size() > 10 && said[10] == ' ') said[10] = 'T';
    if (said.size() > 18 && said.find_first_of("Z+", 19) == std::string::npos) said += 'Z';
    return wire::parse_rfc3339(said);
  }

 private:
  const SidecarRow& row_;
};

void note_unknown(const SidecarRow& row, std::initializer_list<Names> known, std::vector<std::string>& unknown) {
  for (const auto& [name, value] : row) {
    const bool is_known = std::any_of(known.begin(), known.end(), [&](Names names) {
      return std::find(names.begin(), names.end(), name) != names.end();
    });
    if (!is_known && std::find(unknown.begin(), unknown.end(), name) == unknown.end()) unknown.push_back(name);
  }
}

std::uint64_t seed_of(const SidecarRow& row, std::uint64_t number) {
  std::string all = std::to_string(number);
  for (const auto& [name, value] : row) all.append(1, '\n').append(name).append(1, '=').append(value);
  std::uint64_t hash = 0xcbf29ce484222325;  // FNV-1a: the same in every build
  for (const char c : all) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash;
}

std::uint16_t status_of(const Reader& row) {
  const double said = row.number(kStatus);
  if (said >= 100 && said < 600) return static_cast<std::uint16_t>(said);
  const std::string_view text = row.text(kStatus);
  const bool failed = !row.text(kError).empty() || text.starts_with("err") || text.starts_with("fail");
  return failed ? 502 : 200;
}

telemetry::ExchangeRecord record_of(const Reader& row, base::WallTime started, std::deque<std::string>& texts,
                                    const catalog::Snapshot& snapshot) {
  const auto keep = [&](std::string_view text) -> std::string_view { return texts.emplace_back(text); };
  telemetry::ExchangeRecord record;
  record.started = started;
  record.route = "/v1/chat/completions";
  record.client_key = keep(row.text(kKey));
  record.model = keep(row.text(kModel));
  record.stream = row.number(kStream) != 0 || row.text(kStream) == "true";
  record.status = status_of(row);
  record.total = row.ms(kTotalMs);
  telemetry::AttemptRecord attempt;
  const std::string_view backend = row.text(kBackend);
  const catalog::BackendEntry* here = snapshot.find_backend(backend);
  attempt.backend_id = keep(here == nullptr ? backend : here->row.id);
  attempt.backend = keep(here == nullptr ? backend : here->row.name);
  attempt.pool = keep(here == nullptr ? std::string_view() : here->row.pool);
  attempt.model_sent = keep(row.text(kModelSent));
  if (attempt.model_sent.empty()) attempt.model_sent = record.model;
  attempt.status = record.status;
  attempt.first_byte = row.ms(kFirstMs);
  attempt.total = record.total;
  if (record.status >= 400) record.error = attempt.error = base::ErrorKind::upstream_error;
  base::Usage& usage = attempt.usage;
  usage.input_tokens = row.count(kInput), usage.output_tokens = row.count(kOutput);
  if (usage.input_tokens + usage.output_tokens == 0) usage.input_tokens = row.count(kTokens);
  usage.cached_input_tokens = std::min(row.count(kCached), usage.input_tokens);
  if (usage.input_tokens + usage.output_tokens != 0) usage.source = base::UsageSource::reported;
  attempt.cost.value = static_cast<std::int64_t>(std::clamp(row.number(kUsd), 0.0, 1e6) * 1e6 + 0.5);
  record.attempts.push_back(attempt);
  return record;
}

// What a sidecar may have called a setting of ours.
struct Alias {
  std::string_view name, key;
  double plus = 0;  // what ours counts more
};
constexpr std::array kAliases = {
    Alias{"max_attempts", "retry.max_attempts"},
    Alias{"max_retries", "retry.max_attempts", 1},
    Alias{"cooldown_base_seconds", "cooldown.base_seconds"},
    Alias{"cooldown_max_seconds", "cooldown.cap_seconds"},
    Alias{"cooldown_cap_seconds", "cooldown.cap_seconds"},
    Alias{"connect_timeout_seconds", "timeouts.connect_seconds"},
    Alias{"request_timeout_seconds", "timeouts.total_seconds"},
    Alias{"timeout_seconds", "timeouts.total_seconds"},
    Alias{"idle_timeout_seconds", "timeouts.idle_seconds"},
    Alias{"queue_max_wait_seconds", "queue.max_wait_seconds"},
};

// The setting that a row means, if its value is one that ours takes.
std::optional<catalog::Setting> find_setting(std::string_view name, std::string_view value) {
  std::string key(name), text(value);
  const auto alias = std::find_if(kAliases.begin(), kAliases.end(), [&](const Alias& each) { return each.name == name; });
  boost::system::error_code failed;
  boost::json::value json = boost::json::parse(text, failed);
  if (failed) return std::nullopt;
  if (alias != kAliases.end()) {
    key = alias->key;
    if (alias->plus != 0 && json.is_int64()) json = json.as_int64() + static_cast<std::int64_t>(alias->plus);
  }
  catalog::Setting setting{.key = key, .value_json = boost::json::serialize(json)};
  catalog::Settings judged;
  const catalog::Outcome outcome = catalog::parse_settings(catalog::unflatten_settings({setting}), judged);
  return outcome.ok() ? std::optional(std::move(setting)) : std::nullopt;
}

}  // namespace

std::vector<telemetry::ExchangeRecord> read_sidecar_usage(const std::vector<SidecarRow>& rows, std::uint64_t number,
                                                          const catalog::Snapshot& snapshot, SidecarTable& fared) {
  std::vector<telemetry::ExchangeRecord> records;
  for (const SidecarRow& each : rows) {
    note_unknown(each, {kTime, kBackend, kModel, kModelSent, kKey, kInput, kOutput, kCached, kTokens, kUsd, kStatus, kError,
                        kTotalMs, kFirstMs, kStream, kOfNoUse}, fared.unknown);
    const Reader row(each);
    base::Random random(seed_of(each, number++));
    const auto started = row.moment(kTime);
    if (!started) {
      ++fared.left;
      continue;
    }
    auto texts = std::make_shared<std::deque<std::string>>();  // stands still while it grows
    telemetry::ExchangeRecord& record = records.emplace_back(record_of(row, *started, *texts, snapshot));
    record.id = base::RequestId(random, *started);
    record.keep_alive = std::move(texts);
  }
  return records;
}

void import_sidecar_cooldowns(CatalogTables& tables, const std::vector<SidecarRow>& rows,
                              std::vector<SidecarImport::Cooling>& cooling, SidecarTable& fared) {
  constexpr std::array<std::string_view, 2> kReason = {"reason", "cause"};
  for (const SidecarRow& each : rows) {
    note_unknown(each, {kBackend, kUntil, kBegan, kCount, kReason, kOfNoUse}, fared.unknown);
    const Reader row(each);
    const std::string named(row.text(kBackend));
    auto backend = tables.backends.find(named, Keys::closed);
    if (!backend) backend = tables.backends.find_by_name(named, Keys::closed);
    const auto until = row.moment(kUntil);
    if (!backend || !until) {
      ++fared.left;
      continue;
    }
    CooldownRow made{.backend_id = backend->id, .consecutive = static_cast<std::int64_t>(row.count(kCount)), .until = *until};
    made.started = std::min(row.moment(kBegan).value_or(*until), *until);
    if (tables.cooldowns.has(made)) {
      ++fared.kept;
      continue;
    }
    ++fared.taken;
    const bool runs = *until > tables.wall && backend->status == catalog::BackendStatus::healthy;
    if (runs) {
      tables.backends.set_cooldown(backend->id, catalog::format_utc(*until), made.consecutive, tables.now);
      cooling.push_back({backend->id, *until});
    }
    tables.cooldowns.add(made);
    tables.edits.push_back({runs ? "backend.cool" : "cooldown.import", backend->name, std::nullopt,
                            catalog::format_utc(*until) + ": import"});
  }
}

base::Result<void> import_sidecar_config(CatalogTables& tables, const std::vector<SidecarRow>& rows, SidecarTable& fared) {
  const std::vector<SettingRow> here = tables.settings.list();
  for (const SidecarRow& each : rows) {
    const Reader row(each);
    const std::string_view name = row.text(kSettingName);
    const auto setting = find_setting(name, row.text(kSettingValue));
    if (!setting) {
      ++fared.left;
      fared.unknown.emplace_back(name);
      continue;
    }
    if (std::any_of(here.begin(), here.end(), [&](const SettingRow& said) { return said.setting.key == setting->key; })) {
      ++fared.kept;
      continue;
    }
    if (const auto put = put_settings(tables, {*setting}, "import"); !put) return put.error();
    ++fared.taken;
  }
  return {};
}

}  // namespace headworks::store
