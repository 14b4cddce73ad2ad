#include "catalog/mapping_settings.hpp"

#include "catalog/clock_fields.hpp"

namespace headworks::catalog {
namespace {

namespace json = boost::json;

// What we splice ourselves, or what a body cannot do without.
constexpr std::string_view kOurs[] = {"model", "stream", "stream_options", "messages", "input", "prompt"};
constexpr std::size_t kMostParameters = 32;

bool is_ours(std::string_view name, const std::string& path, std::vector<Problem>& problems) {
  if (std::find(std::begin(kOurs), std::end(kOurs), name) == std::end(kOurs)) return false;
  problems.push_back({path, "this parameter cannot be set or dropped", ""});
  return true;
}

void read_set(const json::value& value, const std::string& path, std::vector<Problem>& problems,
              MappingSettings& settings) {
  const json::object* object = find_object(value, path, problems);
  if (object == nullptr) return;
  if (object->size() > kMostParameters) return problems.push_back({path, "must not hold more than 32 members", ""});
  for (const auto& [name, member] : *object)
    if (!is_ours(name, path_to(path, name), problems))
      settings.set.push_back({std::string(name), json::serialize(member)});
}

void read_drop(const json::value& value, const std::string& path, std::vector<Problem>& problems,
               MappingSettings& settings) {
  const json::array* list = find_array(value, path, problems);
  if (list == nullptr) return;
  if (list->size() > kMostParameters) return problems.push_back({path, "must not hold more than 32 names", ""});
  for (std::size_t index = 0; index < list->size(); ++index) {
    const std::string at = path_to(path, index);
    auto name = parse_text((*list)[index], {1, 200}, at, problems);
    if (name && !is_ours(*name, at, problems)) settings.drop.push_back(*std::move(name));
  }
}

}  // namespace

MappingSettings read_mapping_settings(std::string_view extra_json, const std::string& path,
                                      std::vector<Problem>& problems) {
  MappingSettings settings;
  if (extra_json.empty() || extra_json == "{}") return settings;
  boost::system::error_code failed;
  const json::value document = json::parse(extra_json, failed);
  if (failed || !document.is_object()) return settings;
  const json::object& extra = document.get_object();
  const KeySource no_keys;
  std::vector<Problem> warnings;
  Reading reading{problems, warnings, no_keys, Completeness::partial};
  if (const json::value* price = extra.if_contains("price"))
    parse_fields(*price, mapping_price_fields(), path_to(path, "price"), reading, settings.price.emplace());
  if (const json::value* timeouts = extra.if_contains("timeouts"))
    parse_fields(*timeouts, clock_fields(), path_to(path, "timeouts"), reading, settings.timeouts);
  if (const json::value* set = extra.if_contains("set")) read_set(*set, path_to(path, "set"), problems, settings);
  if (const json::value* drop = extra.if_contains("drop"))
    read_drop(*drop, path_to(path, "drop"), problems, settings);
  return settings;
}

}  // namespace headworks::catalog
