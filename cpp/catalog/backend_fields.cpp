// The table of a backend's fields.
#include "catalog/clock_fields.hpp"
#include "catalog/mapping_settings.hpp"
#include "catalog/secret_text.hpp"
#include "catalog/utc_time.hpp"
#include "wire/url.hpp"

namespace headworks::catalog {
namespace {

namespace json = boost::json;

constexpr Bounds kName{1, 200};
constexpr Bounds kText{0, 1000};
constexpr Bounds kCount{0, 1'000'000'000};
constexpr Bounds kWeight{1, 10'000};
constexpr Bounds kTimeout{0.1, 86'400};
constexpr std::size_t kMaxMappings = 10'000;

void check_url(std::string_view text, const std::string& path, std::vector<Problem>& problems) {
  const base::Result<wire::Url> url = wire::parse_url(text);
  if (!url) problems.push_back({path, url.error().message, "for example https://host/v1"});
}

const Special<Backend> kUrl{
    .parse =
        [](const json::value& value, const std::string& path, Reading& reading, Backend& row) {
          auto text = parse_text(value, {1, 2000}, path, reading.problems);
          if (!text) return;
          check_url(*text, path, reading.problems);
          row.api_base_url = *std::move(text);
        },
    .check = [](const Backend& row, const std::string& path,
                std::vector<Problem>& problems) { check_url(row.api_base_url, path, problems); },
    .format = [](const Backend& row) -> json::value { return json::string(row.api_base_url); },
    .schema =
        [] {
          return schema_of_scalar("string", {1, 2000});
        }};

const Special<Backend> kKey{.parse = [](const json::value& value, const std::string& path, Reading& reading,
                                        Backend& row) { parse_secret(value, path, reading, row.api_key); },
                            .format = [](const Backend&) -> json::value { return nullptr; },
                            .schema =
                                [] {
                                  return schema_of_scalar("string", {1, kMaxSecret});
                                }};

const Special<Backend> kApi{
    .parse =
        [](const json::value& value, const std::string& path, Reading& reading, Backend& row) {
          if (auto name = parse_choice(value, api_names(), path, reading.problems))
            row.api = *find_api(*name);
        },
    .format = [](const Backend& row) -> json::value { return json::string(name_of(row.api)); },
    .schema = [] { return schema_of_choice(api_names()); }};

constexpr Bounds kClock{0, 86'400};
const Field<Clocks> kClocks[] = {
    {"connect_seconds", &Clocks::connect_seconds, "until connected, TLS included; 0: the settings' own", kClock},
    {"write_seconds", &Clocks::write_seconds, "until the request is written; 0: the settings' own", kClock},
    {"first_byte_seconds", &Clocks::first_byte_seconds, "until the first byte; 0: the settings' own", kClock},
    {"idle_seconds", &Clocks::idle_seconds, "between two reads; 0: the settings' own", kClock},
    {"total_seconds", &Clocks::total_seconds, "one attempt; 0: timeout_seconds", kClock},
};
constexpr Bounds kMoney{0, 1'000'000'000};
const Field<Price> kMappingPrice[] = {
    {"input", &Price::input, "USD per million input tokens", kMoney},
    {"output", &Price::output, "USD per million output tokens", kMoney},
    {"cached_input", &Price::cached_input, "USD per million input tokens from the provider's cache", kMoney},
};

const Special<Backend> kTimeouts{
    .parse =
        [](const json::value& value, const std::string& path, Reading& reading, Backend& row) {
          row.timeouts = {};
          parse_fields<Clocks>(value, kClocks, path, reading, row.timeouts);
        },
    .check =
        [](const Backend& row, const std::string& path, std::vector<Problem>& problems) {
          check_fields<Clocks>(row.timeouts, kClocks, path, problems);
        },
    .format = [](const Backend& row) -> json::value {
      return format_fields<Clocks>(row.timeouts, kClocks, View::admin);
    },
    .schema = [] { return schema_of_fields<Clocks>(kClocks); }};

void parse_mapping(const std::string& canonical, const json::value& value, const std::string& path,
                   Reading& reading, Backend& row) {
  const std::size_t before = reading.problems.size();
  ModelMapping mapping;
  mapping.canonical = canonical;
  check_text(canonical, {1, 500}, path, reading.problems);
  if (value.is_object()) {
    const json::object& object = value.get_object();
    json::object extra;
    for (const auto& [key, member] : object) {
      const std::string at = path_to(path, key);
      if (key == "model") {
        mapping.model = parse_text(member, {1, 500}, at, reading.problems).value_or("");
      } else if (key == "context_tokens") {
        mapping.context_tokens = static_cast<std::uint32_t>(
            parse_number(member, {0, 1'000'000'000}, true, at, reading.problems).value_or(0));
      } else {
        extra.emplace(key, member);
      }
    }
    if (!object.contains("model"))
      reading.problems.push_back(
          {path_to(path, "model"), "this field is missing", "what this backend calls the model"});
    mapping.extra_json = json::serialize(extra);
    read_mapping_settings(mapping.extra_json, path, reading.problems);
  } else if (auto text = parse_text(value, {1, 500}, path, reading.problems)) {
    mapping.model = *std::move(text);
  }
  const auto stars = [](std::string_view text) { return std::count(text.begin(), text.end(), '*'); };
  if (stars(mapping.canonical) > 1 || stars(mapping.model) > stars(mapping.canonical))
    reading.problems.push_back(
        {path, "a mapping holds at most one * on each side, and one on the right needs one on the left",
         "for example \"qwen-*\": \"qwen/*\""});
  if (reading.problems.size() == before) row.model_mappings.push_back(std::move(mapping));
}

const Special<Backend> kMappings{
    .parse =
        [](const json::value& value, const std::string& path, Reading& reading, Backend& row) {
          const json::object* object = find_object(value, path, reading.problems);
          if (object == nullptr) return;
          row.model_mappings.clear();
          if (object->size() > kMaxMappings)
            return reading.problems.push_back({path, "must not hold more than 10000 mappings", ""});
          for (const auto& [canonical, mapping] : *object)
            parse_mapping(std::string(canonical), mapping, path_to(path, canonical), reading, row);
        },
    .format = [](const Backend& row) -> json::value {
      return json::parse(format_model_mappings(row.model_mappings));
    },
    .schema =
        [] {
          return json::object{
              {"type", "object"},
              {"additionalProperties",
               {{"anyOf",
                 {{{"type", "string"}},
                  {{"type", "object"},
                   {"required", {"model"}},
                   {"properties",
                    {{"model", {{"type", "string"}}},
                     {"context_tokens", {{"type", "integer"}}},
                     {"price", schema_of_fields<Price>(kMappingPrice)},
                     {"timeouts", schema_of_fields<Clocks>(kClocks)},
                     {"set", {{"type", "object"}}},
                     {"drop", {{"type", "array"}, {"items", {{"type", "string"}}}}}}}}}}}}};
        }};

const Special<Backend> kMetadata{
    .parse =
        [](const json::value& value, const std::string& path, Reading& reading, Backend& row) {
          if (find_object(value, path, reading.problems) != nullptr)
            row.metadata_json = json::serialize(value);
        },
    .check =
        [](const Backend& row, const std::string& path, std::vector<Problem>& problems) {
          boost::system::error_code failed;
          if (!json::parse(row.metadata_json, failed).is_object())
            problems.push_back({path, "must be an object", ""});
        },
    .format = [](const Backend& row) -> json::value { return json::parse(row.metadata_json); },
    .schema =
        [] {
          return json::object{{"type", "object"}};
        }};

const Special<Backend> kHint{
    .format = [](const Backend& row) -> json::value { return json::string(row.api_key_hint); }};
const Special<Backend> kKeyState{
    .format = [](const Backend& row) -> json::value { return json::string(name_of(row.key_state)); }};
const Special<Backend> kStatus{
    .format = [](const Backend& row) -> json::value { return json::string(name_of(row.status)); }};
const Special<Backend> kCooldownUntil{
    .check =
        [](const Backend& row, const std::string& path, std::vector<Problem>& problems) {
          if (row.cooldown_until && !parse_utc(*row.cooldown_until))
            problems.push_back({path, "must be a UTC time", "for example 2026-01-31T09:30:00Z"});
        },
    .format = [](const Backend& row) -> json::value {
      return row.cooldown_until ? json::value(json::string(*row.cooldown_until)) : json::value(nullptr);
    }};

using enum Access;
const Field<Backend> kFields[] = {
    {"id", &Backend::id, "generated, prefix bkd_", kText, read_only},
    {"name", &Backend::name, "short name, unique", kName, required},
    {"label", &Backend::label, "what people see", kText},
    {"api", kApi, "wire dialect of the upstream", {}},
    {"api_base_url", kUrl, "where the API is, for example https://host/v1", {}, required},
    {"api_key", kKey, "the account's key: ${NAME}, file:PATH, or the key itself"},
    {"api_key_hint", kHint, "what may be shown of the key", {}, read_only},
    {"key_state", kKeyState, "none, readable or unreadable", {}, read_only},
    {"pool", &Backend::pool, "the tier that it belongs to", kName},
    {"rpm_limit", &Backend::rpm_limit, "at most this many starts in any 60 s; 0: no limit", kCount},
    {"tpm_limit", &Backend::tpm_limit, "tokens per minute; 0: no limit", kCount},
    {"max_in_flight", &Backend::max_in_flight, "requests at the same time; 0: no limit", kCount},
    {"weight", &Backend::weight, "share of the traffic within its pool", kWeight},
    {"timeout_seconds", &Backend::timeout_seconds, "total time of one attempt", kTimeout},
    {"timeouts", kTimeouts, "clocks of this backend alone"},
    {"enabled", &Backend::enabled, "false: out of every plan"},
    {"model_mappings", kMappings, "canonical name -> what this backend calls it; empty: every model"},
    {"metadata", kMetadata, "free"},
    {"source", &Backend::source, "where the row came from", kText, read_only},
    {"status", kStatus, "healthy, cooling, error or disabled", {}, read_only},
    {"cooldown_until", kCooldownUntil, "not called before", {}, read_only},
    {"consecutive_429_count", &Backend::consecutive_429_count, "429 answers since the last success", kCount,
     read_only},
    {"created_at", &Backend::created_at, "UTC", kText, read_only},
    {"updated_at", &Backend::updated_at, "UTC", kText, read_only},
};

}  // namespace

Fields<Backend> backend_fields() { return kFields; }
Fields<Clocks> clock_fields() { return kClocks; }
Fields<Price> mapping_price_fields() { return kMappingPrice; }

}  // namespace headworks::catalog
