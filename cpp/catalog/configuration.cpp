#include "catalog/configuration.hpp"

#include <charconv>
#include <set>

#include "catalog/document.hpp"
#include "catalog/field.hpp"

namespace headworks::catalog {
namespace {

namespace json = boost::json;

constexpr std::size_t kShownProblems = 3;

// Tells what parse_configuration is reading to the functions of the sections below.
struct Document {
  Configuration& configuration;
  Reading reading;
  std::vector<Problem>& problems() { return reading.problems; }
};

using SectionParser = void (*)(const json::value& value, const std::string& path, Document& document);

struct Section {
  std::string_view name;
  SectionParser parse;
  std::string_view meaning;
  json::object (*schema)();
};

template <class Row>
json::object schema_of_list(Fields<Row> fields) {
  return {{"type", "array"}, {"items", schema_of_fields(fields)}};
}

// Parses a list of rows and reports names that stand there twice.
template <class Row>
void parse_rows(const json::value& value, const std::string& path, Document& document, Fields<Row> fields,
                std::string_view unique, std::string (*name_of_row)(const Row&), std::vector<Row>& rows) {
  const json::array* list = find_array(value, path, document.problems());
  if (list == nullptr) return;
  std::set<std::string> names;
  for (std::size_t index = 0; index < list->size(); ++index) {
    const std::string at = path_to(path, index);
    Row& row = rows.emplace_back();
    parse_fields((*list)[index], fields, at, document.reading, row);
    const std::string name = name_of_row(row);
    if (!name.empty() && !names.insert(name).second)
      document.problems().push_back({path_to(at, unique), "'" + name + "' stands here a second time",
                                     "names are unique in their list"});
  }
}

void parse_version(const json::value& value, const std::string& path, Document& document) {
  if (!value.is_number() || value.to_number<double>() != 1)
    document.problems().push_back({path, "this version of the document is not known", "version: 1"});
}

template <std::optional<std::string> Configuration::*Member>
void parse_listen(const json::value& value, const std::string& path, Document& document) {
  auto text = parse_text(value, {1, 300}, path, document.problems());
  if (!text) return;
  if (!is_listen_address(*text))
    document.problems().push_back({path, "must be HOST:PORT", "for example 127.0.0.1:8080"});
  document.configuration.*Member = *std::move(text);
}

const Field<TlsFiles> kTls[] = {
    {"certificate",
     &TlsFiles::certificate,
     "PEM file of the certificate and its chain",
     {1, 4096},
     Access::required},
    {"private_key", &TlsFiles::private_key, "PEM file of its private key", {1, 4096}, Access::required},
};

void parse_tls(const json::value& value, const std::string& path, Document& document) {
  parse_fields<TlsFiles>(value, kTls, path, document.reading, document.configuration.tls.emplace());
}

void parse_settings_section(const json::value& value, const std::string& path, Document& document) {
  const std::size_t before = document.problems().size();
  Reading partial{document.problems(), document.reading.warnings, document.reading.keys,
                  Completeness::partial};
  parse_fields(value, settings_fields(), path, partial, document.configuration.settings);
  if (document.problems().size() == before)
    document.configuration.given_settings = flatten_settings(value.get_object());
}

void parse_pools(const json::value& value, const std::string& path, Document& document) {
  std::vector<Pool>& pools = document.configuration.pools;
  parse_rows<Pool>(
      value, path, document, pool_fields(), "name", [](const Pool& row) { return row.name; }, pools);
  if (value.is_array() && pools.empty())
    document.problems().push_back({path, "there must be at least one pool", "or leave the section out"});
  for (std::size_t position = 0; position < pools.size(); ++position)
    pools[position].position = static_cast<std::int64_t>(position), pools[position].source = "file";
}

void parse_backends(const json::value& value, const std::string& path, Document& document) {
  std::vector<Backend>& backends = document.configuration.backends;
  parse_rows<Backend>(
      value, path, document, backend_fields(), "name", [](const Backend& row) { return row.name; }, backends);
  for (Backend& row : backends) row.source = "file";
}

void parse_client_keys(const json::value& value, const std::string& path, Document& document) {
  auto& keys = document.configuration.client_keys;
  parse_rows<ConfiguredClientKey>(
      value, path, document, client_key_fields(), "name",
      [](const ConfiguredClientKey& key) { return key.row.name; }, keys);
  std::set<std::string_view> seen;
  for (std::size_t index = 0; index < keys.size(); ++index) {
    keys[index].row.source = "file";
    if (!keys[index].key.empty() && !seen.insert(keys[index].key.reveal()).second)
      document.problems().push_back(
          {path_to(path_to(path, index), "key"), "two client keys are the same key", ""});
  }
}

void parse_prices(const json::value& value, const std::string& path, Document& document) {
  parse_rows<Price>(
      value, path, document, price_fields(), "model", [](const Price& row) { return row.model; },
      document.configuration.prices);
  for (Price& row : document.configuration.prices) row.source = "file";
}

void parse_modules(const json::value& value, const std::string& path, Reading& reading, Plugins& plugins) {
  const json::array* list = find_array(value, path, reading.problems);
  if (list == nullptr) return;
  std::vector<std::string>& modules = plugins.modules;
  for (std::size_t index = 0; index < list->size(); ++index) {
    const std::string at = path_to(path, index);
    auto name = parse_text((*list)[index], {1, 300}, at, reading.problems);
    if (!name) continue;
    if (std::find(modules.begin(), modules.end(), *name) != modules.end())
      reading.problems.push_back({at, "'" + *name + "' stands here a second time", "name it once"});
    modules.push_back(*std::move(name));
  }
}

json::object schema_of_modules() { return {{"type", "array"}, {"items", {{"type", "string"}}}}; }

constexpr std::string_view kIsolations[] = {"thread", "process"};

void parse_isolation(const json::value& value, const std::string& path, Reading& reading, Plugins& plugins) {
  if (auto name = parse_choice(value, kIsolations, path, reading.problems)) plugins.isolation = *std::move(name);
}

const Field<Plugins> kPlugins[] = {
    {"modules", Special<Plugins>{.parse = parse_modules, .schema = schema_of_modules},
     "Python modules, or files that end in .py, in the order of asking"},
    {"isolation",
     Special<Plugins>{.parse = parse_isolation, .schema = [] { return schema_of_choice(kIsolations); }},
     "thread: in this process; process: in one of their own"},
    {"memory_mb", &Plugins::memory_mb, "the address space of that process; 0: no limit", {0, 1'048'576}},
    {"entry_points", &Plugins::entry_points, "whether the plug-ins of installed packages are loaded too"},
};

void parse_plugins(const json::value& value, const std::string& path, Document& document) {
  Plugins& plugins = document.configuration.plugins;
  if (value.is_array()) parse_modules(value, path, document.reading, plugins);
  else parse_fields<Plugins>(value, kPlugins, path, document.reading, plugins);
}

const Section kSections[] = {
    {"version", parse_version, "the version of this document",
     [] {
       return json::object{{"const", 1}};
     }},
    {"listen", parse_listen<&Configuration::listen>, "HOST:PORT of the data listener",
     [] {
       return json::object{{"type", "string"}};
     }},
    {"admin_listen", parse_listen<&Configuration::admin_listen>, "HOST:PORT of the admin listener",
     [] {
       return json::object{{"type", "string"}};
     }},
    {"tls", parse_tls, "HTTPS on the data listener", [] { return schema_of_fields<TlsFiles>(kTls); }},
    {"settings", parse_settings_section, "limits and clocks",
     [] { return schema_of_fields(settings_fields()); }},
    {"pools", parse_pools, "the tiers, best first", [] { return schema_of_list(pool_fields()); }},
    {"backends", parse_backends, "upstream accounts", [] { return schema_of_list(backend_fields()); }},
    {"client_keys", parse_client_keys, "who may call", [] { return schema_of_list(client_key_fields()); }},
    {"prices", parse_prices, "USD per million tokens", [] { return schema_of_list(price_fields()); }},
    {"plugins", parse_plugins, "Python modules with hooks: their names, or an object",
     [] {
       return json::object{{"anyOf", {schema_of_modules(), schema_of_fields<Plugins>(kPlugins)}}};
     }},
};

// A backend names a pool of the document, or, when the document names none, one of the two that always exist.
void check_pools_exist(const json::object& root, Document& document) {
  std::vector<std::string_view> known;
  for (const Pool& pool : document.configuration.pools) known.push_back(pool.name);
  if (!root.contains("pools")) known = {"primary", "fallback"};
  const auto& backends = document.configuration.backends;
  for (std::size_t index = 0; index < backends.size(); ++index) {
    const std::string& pool = backends[index].pool;
    if (std::find(known.begin(), known.end(), pool) != known.end()) continue;
    document.problems().push_back({path_to(path_to("$.backends", index), "pool"),
                                   "there is no pool '" + pool + "'",
                                   suggest(pool, known) + " (or add it to pools)"});
  }
}

void check_settings_agree(const Settings& settings, std::vector<Problem>& problems) {
  if (settings.retry.backoff_cap_ms < settings.retry.backoff_base_ms)
    problems.push_back({"$.settings.retry.backoff_cap_ms", "must not be smaller than backoff_base_ms", ""});
  if (settings.cooldown.cap_seconds < settings.cooldown.base_seconds)
    problems.push_back({"$.settings.cooldown.cap_seconds", "must not be smaller than base_seconds", ""});
}

void parse_root(const json::object& root, Document& document) {
  for (const auto& [key, value] : root) {
    const auto* section = std::find_if(std::begin(kSections), std::end(kSections),
                                       [&](const Section& each) { return each.name == key; });
    if (section != std::end(kSections)) {
      section->parse(value, path_to("$", key), document);
      continue;
    }
    std::vector<std::string_view> known;
    for (const Section& each : kSections) known.push_back(each.name);
    document.problems().push_back({path_to("$", key), "there is no such section", suggest(key, known)});
  }
  check_pools_exist(root, document);
  check_settings_agree(document.configuration.settings, document.problems());
}

}  // namespace

ParsedConfiguration parse_configuration(std::string_view text, const KeySource& keys) {
  ParsedConfiguration parsed;
  Document document{parsed.configuration, {parsed.problems, parsed.warnings, keys, Completeness::whole}};
  const std::optional<json::value> root = parse_document(text, parsed.problems);
  if (!root) return parsed;
  if (const json::object* object = find_object(*root, "$", parsed.problems)) parse_root(*object, document);
  return parsed;
}

base::Error error_of(const std::vector<Problem>& problems) {
  std::string message;
  for (std::size_t index = 0; index < problems.size() && index < kShownProblems; ++index) {
    const Problem& problem = problems[index];
    message.append(index == 0 ? "" : "; ").append(problem.path).append(": ").append(problem.message);
    if (!problem.hint.empty()) message.append(" (").append(problem.hint).append(")");
  }
  if (problems.size() > kShownProblems)
    message.append("; and ").append(std::to_string(problems.size() - kShownProblems)).append(" more");
  base::Error error = base::fail(base::ErrorKind::invalid_configuration, std::move(message));
  error.param = problems.front().path;
  error.hint = problems.front().hint;
  return error;
}

std::string format_configuration(const Rows& rows) {
  json::array pools, backends, client_keys, prices;
  for (const Pool& row : rows.pools) pools.push_back(format_pool(row, View::configuration));
  for (const Backend& row : rows.backends) backends.push_back(format_backend(row, View::configuration));
  for (const ClientKey& row : rows.client_keys)
    client_keys.push_back(format_client_key(row, View::configuration));
  for (const Price& row : rows.prices) prices.push_back(format_price(row, View::configuration));
  return json::serialize(json::object{{"version", 1},
                                      {"settings", format_settings(rows.settings)},
                                      {"pools", std::move(pools)},
                                      {"backends", std::move(backends)},
                                      {"client_keys", std::move(client_keys)},
                                      {"prices", std::move(prices)}});
}

std::string configuration_schema() {
  json::object properties;
  for (const Section& section : kSections) {
    json::object schema = section.schema();
    schema["description"] = section.meaning;
    properties.emplace(section.name, std::move(schema));
  }
  return json::serialize(json::object{{"$schema", "https://json-schema.org/draft/2020-12/schema"},
                                      {"title", "Headworks configuration"},
                                      {"type", "object"},
                                      {"additionalProperties", false},
                                      {"properties", std::move(properties)}});
}

bool is_listen_address(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return false;
  const std::string_view host = text.substr(0, colon), port = text.substr(colon + 1);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (!bracketed && host.find_first_of(":[]/@ ") != std::string_view::npos) return false;
  std::uint16_t number = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  return error == std::errc{} && end == port.data() + port.size();
}

}  // namespace headworks::catalog
