#include "catalog/row_json.hpp"

#include "catalog/clock_fields.hpp"

namespace headworks::catalog {
namespace {

namespace json = boost::json;

template <class Row>
Outcome parse_row(const json::value& document, Completeness completeness, const KeySource& keys,
                  Fields<Row> fields, const std::string& path, Row& row) {
  Outcome outcome;
  Reading reading{outcome.problems, outcome.warnings, keys, completeness};
  parse_fields(document, fields, path, reading, row);
  return outcome;
}

// How sidecars and other tools name the upstream's model inside a mapping object.
constexpr std::string_view kModelNames[] = {"model",
                                            "upstream_model",
                                            "provider_model",
                                            "upstream_name",
                                            "provider_model_id",
                                            "model_id",
                                            "target",
                                            "name",
                                            "id"};

ModelMapping read_mapping(std::string_view canonical, const json::value& value) {
  ModelMapping mapping;
  mapping.canonical = canonical;
  if (value.is_string()) mapping.model = std::string_view(value.get_string());
  if (!value.is_object()) return mapping;
  json::object extra = value.get_object();
  for (const std::string_view name : kModelNames) {
    const json::value* found = extra.if_contains(name);
    if (found == nullptr || !found->is_string()) continue;
    mapping.model = std::string_view(found->get_string());
    break;
  }
  extra.stable_erase("model");
  if (const json::value* tokens = extra.if_contains("context_tokens");
      tokens != nullptr && tokens->is_int64()) {
    mapping.context_tokens =
        static_cast<std::uint32_t>(std::clamp<std::int64_t>(tokens->get_int64(), 0, 1'000'000'000));
    extra.stable_erase("context_tokens");
  }
  mapping.extra_json = json::serialize(extra);
  return mapping;
}

}  // namespace

namespace {

template <class Row>
void drop_read_only(json::object& row, Fields<Row> fields) {
  for (const Field<Row>& field : fields)
    if (field.access == Access::read_only) row.erase(field.name);
}

}  // namespace

void drop_read_only_backend(json::object& row) { drop_read_only(row, backend_fields()); }
void drop_read_only_pool(json::object& row) { drop_read_only(row, pool_fields()); }
void drop_read_only_client_key(json::object& row) { drop_read_only(row, client_key_fields()); }
void drop_read_only_price(json::object& row) { drop_read_only(row, price_fields()); }

Outcome parse_backend(const json::value& document, Completeness completeness, const KeySource& keys,
                      Backend& row, const std::string& path) {
  return parse_row(document, completeness, keys, backend_fields(), path, row);
}
Outcome parse_pool(const json::value& document, Completeness completeness, Pool& row,
                   const std::string& path) {
  return parse_row(document, completeness, {}, pool_fields(), path, row);
}
Outcome parse_client_key(const json::value& document, Completeness completeness, const KeySource& keys,
                         ConfiguredClientKey& row, const std::string& path) {
  return parse_row(document, completeness, keys, client_key_fields(), path, row);
}
Outcome parse_price(const json::value& document, Completeness completeness, Price& row,
                    const std::string& path) {
  return parse_row(document, completeness, {}, price_fields(), path, row);
}
Outcome parse_settings(const json::value& document, Settings& settings, const std::string& path) {
  return parse_row(document, Completeness::partial, {}, settings_fields(), path, settings);
}

std::vector<Problem> check_backend(const Backend& row) {
  std::vector<Problem> problems;
  check_fields(row, backend_fields(), "$", problems);
  return problems;
}
std::vector<Problem> check_pool(const Pool& row) {
  std::vector<Problem> problems;
  check_fields(row, pool_fields(), "$", problems);
  return problems;
}

json::object format_backend(const Backend& row, View view) {
  json::object out = format_fields(row, backend_fields(), view);
  out.stable_erase("api_key");  // write-only
  return out;
}
json::object format_pool(const Pool& row, View view) { return format_fields(row, pool_fields(), view); }
json::object format_client_key(const ClientKey& row, View view) {
  json::object out = format_fields(ConfiguredClientKey{.row = row, .key = {}}, client_key_fields(), view);
  out.stable_erase("key");  // write-only
  return out;
}
json::object format_price(const Price& row, View view) { return format_fields(row, price_fields(), view); }
json::object format_settings(const Settings& settings) {
  return format_fields(settings, settings_fields(), View::admin);
}

std::string format_model_mappings(const std::vector<ModelMapping>& mappings) {
  json::object out;
  for (const ModelMapping& mapping : mappings) {
    json::object object{{"model", mapping.model}};
    if (mapping.context_tokens != 0) object.emplace("context_tokens", mapping.context_tokens);
    boost::system::error_code failed;
    const json::value extra = json::parse(mapping.extra_json, failed);
    if (extra.is_object())
      for (const auto& [key, value] : extra.get_object()) object.emplace(key, value);
    out.emplace(mapping.canonical, std::move(object));
  }
  return json::serialize(out);
}

base::Result<std::vector<ModelMapping>> parse_model_mappings(std::string_view text) {
  std::vector<ModelMapping> mappings;
  if (text.empty()) return mappings;
  boost::system::error_code failed;
  const json::value document = json::parse(text, failed);
  if (failed || !document.is_object())
    return base::fail(base::ErrorKind::invalid_configuration, "model_mappings must be an object");
  for (const auto& [canonical, value] : document.get_object()) {
    ModelMapping mapping = read_mapping(canonical, value);
    if (mapping.model.empty()) mapping.model = mapping.canonical;
    mappings.push_back(std::move(mapping));
  }
  return mappings;
}

std::string format_clocks(const Clocks& clocks) {
  json::object out;
  for (const auto& [name, value] : format_fields(clocks, clock_fields(), View::admin))
    if (value != json::value(0)) out.emplace(name, value);
  return json::serialize(out);
}

Clocks parse_clocks(std::string_view text) {
  Clocks clocks;
  boost::system::error_code failed;
  const json::value document = json::parse(text, failed);
  if (!failed && document.is_object())
    parse_row(document, Completeness::partial, {}, clock_fields(), "$", clocks);
  return clocks;
}

std::vector<Setting> flatten_settings(const json::object& document) {
  std::vector<Setting> settings;
  for (const auto& [key, value] : document) {
    if (!value.is_object()) {
      settings.push_back({std::string(key), json::serialize(value)});
      continue;
    }
    for (const auto& [name, member] : value.get_object())
      settings.push_back({std::string(key) + "." + std::string(name), json::serialize(member)});
  }
  return settings;
}

json::object unflatten_settings(const std::vector<Setting>& settings) {
  json::object document;
  for (const Setting& setting : settings) {
    boost::system::error_code failed;
    json::value value = json::parse(setting.value_json, failed);
    const std::size_t dot = setting.key.find('.');
    if (dot == std::string::npos) {
      document[setting.key] = std::move(value);
      continue;
    }
    json::value& group = document[std::string_view(setting.key).substr(0, dot)];
    if (!group.is_object()) group.emplace_object();
    group.get_object()[std::string_view(setting.key).substr(dot + 1)] = std::move(value);
  }
  return document;
}

}  // namespace headworks::catalog
