// BackendUpdates: the JSON door of the seed's update operation, and what an update does to a row.
#include <boost/json.hpp>
#include <cmath>

#include "catalog/row_json.hpp"
#include "store/backends_table.hpp"

namespace headworks::store {
namespace {

namespace json = boost::json;

// Reads one value into a field of the updates; answers what it must be if it is not that, else nothing.
using Wanted = std::string_view;

Wanted read(const json::value& value, std::optional<std::string>& field) {
  if (!value.is_string()) return "a text";
  field = std::string(value.get_string());
  return {};
}

Wanted read(const json::value& value, std::optional<double>& field) {
  if (!value.is_number()) return "a number";
  field = value.to_number<double>();
  return {};
}

template <class Whole>
  requires std::is_integral_v<Whole> && (!std::is_same_v<Whole, bool>)
Wanted read(const json::value& value, std::optional<Whole>& field) {
  std::optional<double> number;
  if (const Wanted wanted = read(value, number); !wanted.empty()) return wanted;
  if (*number < 0 || *number > 1e9 || *number != std::floor(*number))
    return "a whole number from 0 to 1000000000";
  field = static_cast<Whole>(*number);
  return {};
}

// true and false, or 1 and 0 as the column has them.
Wanted read(const json::value& value, std::optional<bool>& field) {
  if (value.is_bool()) return field = value.get_bool(), Wanted();
  if (value == 0 || value == 1) return field = value == 1, Wanted();
  return "true or false";
}

Wanted read(const json::value& value, std::optional<catalog::Api>& field) {
  if (value.is_string()) field = find_api_alias(value.get_string());
  return field ? Wanted() : "openai or anthropic";
}

Wanted read(const json::value& value, std::optional<catalog::BackendStatus>& field) {
  if (value.is_string()) field = catalog::find_backend_status(value.get_string());
  return field ? Wanted() : "healthy, cooling, error or disabled";
}

Wanted read(const json::value& value, std::optional<std::optional<std::string>>& field) {
  if (value.is_null()) return field.emplace(), Wanted();
  return read(value, field.emplace());
}

Wanted read(const json::value& value, std::optional<std::vector<catalog::ModelMapping>>& field) {
  const auto mappings = catalog::parse_model_mappings(json::serialize(value));
  if (!mappings) return "an object";
  field = *mappings;
  return {};
}

Wanted read_metadata(const json::value& value, BackendUpdates& updates) {
  if (!value.is_object()) return "an object";
  updates.metadata_json = json::serialize(value);
  return {};
}

Wanted read_key(const json::value& value, BackendUpdates& updates) {
  if (value.is_null()) return {};
  if (!value.is_string()) return "a text";
  updates.api_key_plain = base::Secret(value.get_string());
  return {};
}

template <auto Member>
Wanted read_member(const json::value& value, BackendUpdates& updates) {
  return read(value, updates.*Member);
}

struct Door {
  std::string_view name;
  Wanted (*read)(const json::value& value, BackendUpdates& updates);
};

using U = BackendUpdates;

constexpr Door kDoors[] = {
    {"name", read_member<&U::name>},
    {"label", read_member<&U::label>},
    {"api_base_url", read_member<&U::api_base_url>},
    {"api", read_member<&U::api>},
    {"timeout_seconds", read_member<&U::timeout_seconds>},
    {"rpm_limit", read_member<&U::rpm_limit>},
    {"tpm_limit", read_member<&U::tpm_limit>},
    {"max_in_flight", read_member<&U::max_in_flight>},
    {"weight", read_member<&U::weight>},
    {"pool", read_member<&U::pool>},
    {"enabled", read_member<&U::enabled>},
    {"status", read_member<&U::status>},
    {"source", read_member<&U::source>},
    {"cooldown_until", read_member<&U::cooldown_until>},
    {"consecutive_429_count", read_member<&U::consecutive_429_count>},
    {"model_mappings", read_member<&U::model_mappings>},
    {"metadata", read_metadata},
    {"api_key_plain", read_key},
};

template <class T>
void overlay(const std::optional<T>& update, T& field) {
  if (update) field = *update;
}

}  // namespace

base::Result<BackendUpdates> parse_backend_updates(std::string_view text) {
  boost::system::error_code failed;
  const json::value document = json::parse(text, failed);
  if (failed || !document.is_object())
    return base::fail(base::ErrorKind::invalid_configuration, "the updates must be an object");
  BackendUpdates updates;
  for (const Door& door : kDoors) {
    const json::value* value = document.get_object().if_contains(door.name);
    if (value == nullptr) continue;
    if (const Wanted wanted = door.read(*value, updates); !wanted.empty())
      return base::fail(base::ErrorKind::invalid_configuration,
                        std::string(door.name) + " must be " + std::string(wanted));
  }
  return updates;
}

void apply_updates(const BackendUpdates& updates, catalog::Backend& row) {
  overlay(updates.name, row.name);
  overlay(updates.label, row.label);
  overlay(updates.api_base_url, row.api_base_url);
  overlay(updates.pool, row.pool);
  overlay(updates.source, row.source);
  overlay(updates.api, row.api);
  overlay(updates.timeout_seconds, row.timeout_seconds);
  overlay(updates.rpm_limit, row.rpm_limit);
  overlay(updates.tpm_limit, row.tpm_limit);
  overlay(updates.max_in_flight, row.max_in_flight);
  overlay(updates.weight, row.weight);
  overlay(updates.enabled, row.enabled);
  overlay(updates.status, row.status);
  overlay(updates.cooldown_until, row.cooldown_until);
  overlay(updates.consecutive_429_count, row.consecutive_429_count);
  overlay(updates.metadata_json, row.metadata_json);
  overlay(updates.model_mappings, row.model_mappings);
  if (!updates.api_key_plain.empty()) row.api_key = updates.api_key_plain.copy();
}

}  // namespace headworks::store
