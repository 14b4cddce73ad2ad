// The tables of a pool's, a client key's and a price's fields.
#include "catalog/field.hpp"
#include "catalog/secret_text.hpp"
#include "catalog/utc_time.hpp"

namespace headworks::catalog {
namespace {

namespace json = boost::json;
using enum Access;

constexpr Bounds kName{1, 200};
constexpr Bounds kText{0, 1000};
constexpr Bounds kCount{0, 1'000'000'000};
constexpr Bounds kWeight{1, 1000};
constexpr Bounds kMoney{0, 1'000'000'000};
constexpr Bounds kAmount{1, 1'000'000'000'000};
constexpr std::size_t kGuessableKey = 16;

// Pools.

const Special<Pool> kStrategy{
    .parse =
        [](const json::value& value, const std::string& path, Reading& reading, Pool& row) {
          if (auto name = parse_choice(value, strategy_names(), path, reading.problems))
            row.strategy = *std::move(name);
        },
    .check =
        [](const Pool& row, const std::string& path, std::vector<Problem>& problems) {
          parse_choice(json::string(row.strategy), strategy_names(), path, problems);
        },
    .format = [](const Pool& row) -> json::value { return json::string(row.strategy); },
    .schema = [] { return schema_of_choice(strategy_names()); }};

void check_sticky_by(std::string_view text, const std::string& path, std::vector<Problem>& problems) {
  if (text == "client_key" || text == "prompt" || (text.starts_with("header:") && text.size() > 7)) return;
  problems.push_back({path, "must be client_key, header:NAME or prompt", "for example header:x-session-id"});
}

const Special<Pool> kStickyBy{
    .parse =
        [](const json::value& value, const std::string& path, Reading& reading, Pool& row) {
          auto text = parse_text(value, kName, path, reading.problems);
          if (!text) return;
          check_sticky_by(*text, path, reading.problems);
          row.sticky_by = *std::move(text);
        },
    .check = [](const Pool& row, const std::string& path,
                std::vector<Problem>& problems) { check_sticky_by(row.sticky_by, path, problems); },
    .format = [](const Pool& row) -> json::value { return json::string(row.sticky_by); },
    .schema =
        [] {
          return json::object{{"type", "string"}, {"default", "client_key"}};
        }};

const Field<Pool> kPool[] = {
    {"name", &Pool::name, "unique", kName, required},
    {"strategy", kStrategy, "how the backends of the pool share the traffic"},
    {"patience_seconds",
     &Pool::patience_seconds,
     "how long to wait for this pool before the next one",
     {0, 3600}},
    {"sticky_by", kStickyBy, "what the strategy sticky keeps together: client_key, header:NAME or prompt"},
    {"position", &Pool::position, "the order of the tiers", kCount, read_only},
    {"source", &Pool::source, "where the row came from", kText, read_only},
};

// Client keys.

using Key = ConfiguredClientKey;

template <auto Member>
constexpr auto text_of_row = [](const Key& key) -> json::value { return json::string(key.row.*Member); };

template <auto Member, const Bounds& Within = kCount>
constexpr Special<Key> counted{
    .parse =
        [](const json::value& value, const std::string& path, Reading& reading, Key& key) {
          if (auto number = parse_number(value, Within, true, path, reading.problems))
            key.row.*Member = static_cast<std::uint32_t>(*number);
        },
    .format = [](const Key& key) -> json::value { return key.row.*Member; },
    .schema = [] { return schema_of_scalar("integer", Within); }};

constexpr Bounds kKeyTimeoutBounds{0, 86'400};
const Special<Key> kKeyTimeout{
    .parse =
        [](const json::value& value, const std::string& path, Reading& reading, Key& key) {
          if (auto number = parse_number(value, kKeyTimeoutBounds, false, path, reading.problems))
            key.row.timeout_seconds = *number;
        },
    .format = [](const Key& key) -> json::value { return format_number(key.row.timeout_seconds); },
    .schema = [] { return schema_of_scalar("number", kKeyTimeoutBounds); }};

const Special<Key> kKeyName{
    .parse =
        [](const json::value& value, const std::string& path, Reading& reading, Key& key) {
          if (auto text = parse_text(value, kName, path, reading.problems)) key.row.name = *std::move(text);
        },
    .format = text_of_row<&ClientKey::name>,
    .schema = [] { return schema_of_scalar("string", kName); }};

const Special<Key> kKeyText{
    .parse =
        [](const json::value& value, const std::string& path, Reading& reading, Key& key) {
          parse_secret(value, path, reading, key.key);
          if (!key.key.empty() && key.key.size() < kGuessableKey)
            reading.warnings.push_back(
                {path, "a key of so few characters can be guessed", "32 random ones, or leave it out"});
        },
    .format = [](const Key&) -> json::value { return nullptr; },
    .schema =
        [] {
          return schema_of_scalar("string", {1, kMaxSecret});
        }};

const Special<Key> kModels{
    .parse =
        [](const json::value& value, const std::string& path, Reading& reading, Key& key) {
          const json::array* list = find_array(value, path, reading.problems);
          if (list == nullptr) return;
          key.row.models.clear();
          for (std::size_t index = 0; index < list->size(); ++index) {
            const std::string at = path_to(path, index);
            auto pattern = parse_text((*list)[index], {1, 500}, at, reading.problems);
            if (!pattern) continue;
            if (std::count(pattern->begin(), pattern->end(), '*') > 1)
              reading.problems.push_back({at, "a pattern holds at most one *", ""});
            key.row.models.push_back(*std::move(pattern));
          }
        },
    .format = [](const Key& key) -> json::value {
      return json::array(key.row.models.begin(), key.row.models.end());
    },
    .schema =
        [] {
          return json::object{{"type", "array"}, {"items", {{"type", "string"}}}};
        }};

const Special<Budget> kWindow{
    .parse =
        [](const json::value& value, const std::string& path, Reading& reading, Budget& row) {
          if (auto name = parse_choice(value, budget_windows(), path, reading.problems))
            row.window = *std::move(name);
        },
    .format = [](const Budget& row) -> json::value { return json::string(row.window); },
    .schema = [] { return schema_of_choice(budget_windows()); }};

template <auto Member>
constexpr Special<Budget> budget_of{
    .parse =
        [](const json::value& value, const std::string& path, Reading& reading, Budget& row) {
          if (auto number = parse_number(value, kAmount, true, path, reading.problems))
            row.*Member = static_cast<std::uint64_t>(*number);
        },
    .format = [](const Budget& row) -> json::value { return row.*Member; },
    .schema = [] { return schema_of_scalar("integer", kAmount); }};

const Field<Budget> kBudget[] = {
    {"usd", &Budget::usd, "US dollars", kMoney},
    {"tokens", budget_of<&Budget::tokens>, "instead of dollars: tokens, in and out"},
    {"requests", budget_of<&Budget::requests>, "instead of dollars: requests"},
    {"window", kWindow, "minute, hour, day or month", {}, required},
};

const Special<Key> kBudgets{
    .parse =
        [](const json::value& value, const std::string& path, Reading& reading, Key& key) {
          const json::array* list = find_array(value, path, reading.problems);
          if (list == nullptr) return;
          key.row.budgets.clear();
          Reading whole{reading.problems, reading.warnings, reading.keys, Completeness::whole};
          for (std::size_t index = 0; index < list->size(); ++index) {
            const std::string at = path_to(path, index);
            const json::object* budget = (*list)[index].if_object();
            const auto named = budget == nullptr ? 1 : budget->contains("usd") + budget->contains("tokens") + budget->contains("requests");
            if (named != 1)
              reading.problems.push_back({at, "a budget is of one thing", "one of usd, tokens and requests"});
            parse_fields<Budget>((*list)[index], kBudget, at, whole, key.row.budgets.emplace_back());
          }
        },
    .format = [](const Key& key) -> json::value {
      json::array out;
      for (const Budget& budget : key.row.budgets) {
        json::object shown = format_fields<Budget>(budget, kBudget, View::admin);
        const std::string_view of = budget.requests != 0 ? "requests" : budget.tokens != 0 ? "tokens" : "usd";
        for (const std::string_view name : {"usd", "tokens", "requests"})
          if (name != of) shown.erase(name);
        out.push_back(std::move(shown));
      }
      return out;
    },
    .schema =
        [] {
          return json::object{{"type", "array"}, {"items", schema_of_fields<Budget>(kBudget)}};
        }};

const Special<Key> kExpires{
    .parse =
        [](const json::value& value, const std::string& path, Reading& reading, Key& key) {
          if (value.is_null()) return key.row.expires_at.reset();
          const auto text = parse_text(value, {1, 100}, path, reading.problems);
          if (!text) return;
          if (!parse_utc(*text))
            return reading.problems.push_back(
                {path, "must be a UTC time or null", "for example 2026-01-31T09:30:00Z"});
          key.row.expires_at = *text;
        },
    .format = [](const Key& key) -> json::value {
      return key.row.expires_at ? json::value(json::string(*key.row.expires_at)) : json::value(nullptr);
    },
    .schema =
        [] {
          return json::object{{"type", json::array{"string", "null"}}};
        }};

const Special<Key> kEnabled{
    .parse =
        [](const json::value& value, const std::string& path, Reading& reading, Key& key) {
          if (auto flag = parse_boolean(value, path, reading.problems)) key.row.enabled = *flag;
        },
    .format = [](const Key& key) -> json::value { return key.row.enabled; },
    .schema =
        [] {
          return json::object{{"type", "boolean"}, {"default", true}};
        }};

const Field<Key> kClientKey[] = {
    {"id", Special<Key>{.format = text_of_row<&ClientKey::id>}, "generated, prefix key_", {}, read_only},
    {"name", kKeyName, "unique", {}, required},
    {"key", kKeyText, "the key: ${NAME}, file:PATH, or the key itself"},
    {"hint",
     Special<Key>{.format = text_of_row<&ClientKey::hint>},
     "what may be shown of the key",
     {},
     read_only},
    {"previous_until",
     Special<Key>{.format = [](const Key& key) -> json::value {
       return key.row.previous_until ? json::value(json::string(*key.row.previous_until)) : json::value(nullptr);
     }},
     "UTC; until then the key before the last rotation is good, too",
     {},
     read_only},
    {"models", kModels, "the models it may ask for; one * in each"},
    {"rpm_limit", counted<&ClientKey::rpm_limit>, "requests in any 60 s; 0: no limit"},
    {"tpm_limit", counted<&ClientKey::tpm_limit>, "tokens per minute; 0: no limit"},
    {"max_in_flight", counted<&ClientKey::max_in_flight>, "requests at the same time; 0: no limit"},
    {"budgets", kBudgets, "what it may spend in a window"},
    {"weight", counted<&ClientKey::weight, kWeight>, "its share when requests wait for a free backend"},
    {"timeout_seconds", kKeyTimeout, "one exchange; 0: the settings' own"},
    {"expires_at", kExpires, "UTC; null: never"},
    {"enabled", kEnabled, "false: refused"},
    {"source",
     Special<Key>{.format = text_of_row<&ClientKey::source>},
     "where the row came from",
     {},
     read_only},
    {"created_at", Special<Key>{.format = text_of_row<&ClientKey::created_at>}, "UTC", {}, read_only},
    {"updated_at", Special<Key>{.format = text_of_row<&ClientKey::updated_at>}, "UTC", {}, read_only},
};

// Prices.

const Special<Price> kPricedModel{
    .parse =
        [](const json::value& value, const std::string& path, Reading& reading, Price& row) {
          auto pattern = parse_text(value, kName, path, reading.problems);
          if (!pattern) return;
          if (std::count(pattern->begin(), pattern->end(), '*') > 1)
            reading.problems.push_back({path, "a pattern holds at most one *", ""});
          row.model = *std::move(pattern);
        },
    .format = [](const Price& row) -> json::value { return json::string(row.model); },
    .schema = [] { return schema_of_scalar("string", kName); }};

const Field<Price> kPrice[] = {
    {"model", kPricedModel, "canonical model name; one * is allowed", {}, required},
    {"input", &Price::input, "USD per million input tokens", kMoney, required},
    {"output", &Price::output, "USD per million output tokens", kMoney, required},
    {"cached_input", &Price::cached_input, "USD per million input tokens read from the provider's cache",
     kMoney},
    {"source", &Price::source, "where the row came from", kText, read_only},
};

}  // namespace

Fields<Pool> pool_fields() { return kPool; }
Fields<ConfiguredClientKey> client_key_fields() { return kClientKey; }
Fields<Price> price_fields() { return kPrice; }

}  // namespace headworks::catalog
