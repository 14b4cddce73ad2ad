#include "admin/openapi.hpp"

#include <boost/json.hpp>

#include "admin/endpoints.hpp"
#include "catalog/configuration.hpp"

namespace headworks::admin {
namespace {

namespace json = boost::json;

// What is no row of the catalog.
constexpr std::string_view kSchemas = R"json({
  "Error": {"type": "object", "required": ["error"], "properties": {"error": {"type": "object",
    "required": ["code", "message", "path", "hint"], "properties": {
      "code": {"type": "string", "description": "stable; what a program decides by"},
      "message": {"type": "string"},
      "path": {"type": "string", "description": "where: a JSON path of the body, ?name of the query, or the route"},
      "hint": {"type": ["string", "null"], "description": "what to write instead"}}}}},
  "Page": {"type": "object", "required": ["data", "next"], "properties": {
    "data": {"type": "array", "items": {"type": "object"}},
    "next": {"type": ["string", "null"], "description": "`before` of the next page; null: this is the last"}}},
  "Object": {"type": "object"},
  "Status": {"type": "object", "additionalProperties": false, "required": ["status"],
    "properties": {"status": {"enum": ["healthy", "error", "disabled"]}}, "examples": [{"status": "disabled"}]},
  "Cooldown": {"type": "object", "additionalProperties": false,
    "properties": {"seconds": {"type": "number", "exclusiveMinimum": 0},
      "until": {"type": "string", "description": "UTC, 2026-01-31T09:30:00Z"}, "reason": {"type": "string"},
      "consecutive": {"type": "integer", "minimum": 0, "default": 0, "description": "answers 429 in a row, counted from now on"}},
    "examples": [{"seconds": 600, "reason": "maintenance"}]},
  "Rotation": {"type": "object", "additionalProperties": false,
    "properties": {"overlap_seconds": {"type": "number", "minimum": 0, "default": 0}},
    "examples": [{"overlap_seconds": 86400}]},
  "Token": {"type": "object", "additionalProperties": false, "required": ["name"],
    "properties": {"name": {"type": "string", "maxLength": 128}, "role": {"enum": ["viewer", "operator", "admin"], "default": "viewer"},
      "expires_at": {"type": ["string", "null"], "format": "date-time"}},
    "examples": [{"name": "grafana", "role": "viewer"}]},
  "SidecarRows": {"type": "object", "additionalProperties": false,
    "properties": {"backends": {"type": "array", "items": {"type": "object"}, "description": "rows of its table, by column"},
      "cooldowns": {"type": "array", "items": {"type": "object"}, "description": "the same"},
      "config": {"type": "array", "items": {"type": "object"}, "description": "rows of a key and a value"},
      "usage": {"type": "array", "items": {"type": "object"}, "description": "the same; in several calls, if there are many"},
      "usage_from": {"type": "integer", "description": "the number of the first of these rows in its table"},
      "key": {"type": "string", "description": "the 32 bytes that it sealed keys with, in base64"}},
    "examples": [{"backends": [{"id": "bkd1", "name": "nim-1", "api_base_url": "https://provider.example/v1"}]}]},
  "Passphrase": {"type": "object", "additionalProperties": false, "required": ["passphrase"],
    "properties": {"passphrase": {"type": "string", "minLength": 12}}, "examples": [{"passphrase": "a long sentence"}]},
  "SealedConfiguration": {"type": "object", "additionalProperties": false, "required": ["passphrase", "document"],
    "properties": {"passphrase": {"type": "string", "minLength": 12},
      "document": {"type": "object", "description": "as POST gave it, with `sealed`"}}},
  "StoredRow": {"type": "object", "additionalProperties": false, "required": ["row"],
    "properties": {"row": {"type": "object", "description": "the record's columns; api_key_plain is sealed"}},
    "examples": [{"row": {"name": "nim-1", "api_base_url": "https://provider.example/v1", "status": "healthy"}}]},
  "StoredUpdates": {"type": "object", "additionalProperties": false, "required": ["updates"],
    "properties": {"updates": {"type": "object", "description": "columns of the record"}},
    "examples": [{"updates": {"consecutive_429_count": 3}}]},
  "Test": {"type": "object", "additionalProperties": false,
    "properties": {"model": {"type": "string", "description": "as it is called here; else the first mapping's"}},
    "examples": [{"model": "llama-70b"}]},
  "PoolOrder": {"type": "object", "additionalProperties": false, "required": ["order"],
    "properties": {"order": {"type": "array", "items": {"type": "string"}, "description": "every pool, the first tier first"}},
    "examples": [{"order": ["primary", "fallback"]}]},
  "Play": {"type": "object", "additionalProperties": false, "required": ["key", "request"],
    "properties": {"key": {"type": "string", "description": "a client key, itself"},
      "path": {"enum": ["/v1/chat/completions", "/v1/completions", "/v1/responses", "/v1/messages"],
        "default": "/v1/chat/completions"},
      "request": {"type": "object", "description": "the body, as that route takes it"}},
    "examples": [{"key": "hw_key_...", "request": {"model": "llama-70b", "messages": [{"role": "user", "content": "Hello"}]}}]},
  "Login": {"type": "object", "additionalProperties": false, "required": ["token"],
    "properties": {"token": {"type": "string"}}, "examples": [{"token": "hw_key_..."}]},
  "Question": {"type": "object", "additionalProperties": false, "required": ["model"],
    "properties": {"model": {"type": "string"}, "client_key": {"type": "string", "description": "a name or id"},
      "dialect": {"enum": ["openai", "anthropic"]}, "stream": {"type": "boolean"},
      "tokens": {"type": "number", "minimum": 0}, "deadline_seconds": {"type": "number", "minimum": 0}},
    "examples": [{"model": "llama-70b", "client_key": "app"}]},
  "Prices": {"type": "object", "additionalProperties": false, "required": ["data"],
    "properties": {"data": {"type": "array", "items": {"$ref": "#/components/schemas/Price"}}}}
})json";

json::object schemas() {
  json::object made = json::parse(kSchemas).as_object();
  json::object document = json::parse(catalog::configuration_schema()).as_object();
  document.erase("$schema");
  const json::object& sections = document["properties"].as_object();
  const auto item = [&](std::string_view section) -> json::value { return sections.at(section).at("items"); };
  made["Backend"] = item("backends");
  made["Pool"] = item("pools");
  made["ClientKey"] = item("client_keys");
  made["Price"] = item("prices");
  made["Settings"] = sections.at("settings");
  // A PATCH names what it changes.
  for (const std::string_view name : {"Backend", "Pool", "ClientKey"}) {
    json::object partial = made[name].as_object();
    partial.erase("required");
    made[std::string(name) + "Changes"] = std::move(partial);
  }
  made["Configuration"] = std::move(document);
  return made;
}

json::object reference(std::string_view schema) {
  return {{"application/json", {{"schema", {{"$ref", "#/components/schemas/" + std::string(schema)}}}}}};
}

json::array parameters_of(const RouteRow& row) {
  json::array made;
  std::string_view path = row.path;
  for (std::size_t open = path.find('{'); open != path.npos; open = path.find('{')) {
    const std::size_t close = path.find('}');
    made.push_back({{"name", path.substr(open + 1, close - open - 1)},
                    {"in", "path"},
                    {"required", true},
                    {"schema", {{"type", "string"}}}});
    path.remove_prefix(close + 1);
  }
  for (std::string_view names = row.query; !names.empty();) {
    const std::string_view name = names.substr(0, names.find(' '));
    names.remove_prefix(std::min(name.size() + 1, names.size()));
    made.push_back({{"name", name}, {"in", "query"}, {"required", false}, {"schema", {{"type", "string"}}}});
  }
  return made;
}

json::object responses_of(const RouteRow& row) {
  json::object made;
  const bool nothing = row.gives.empty();
  json::object good{{"description", nothing ? "done" : "as asked"}};
  if (row.endpoint == nullptr) good["content"] = {{"text/event-stream", {{"schema", {{"type", "string"}}}}}};
  else if (!nothing) good["content"] = reference(row.gives);
  made[nothing ? "204" : row.name.starts_with("create_") || row.name.starts_with("rotate_") ? "201" : "200"] = std::move(good);
  made["default"] = {{"description", "why not"}, {"content", reference("Error")}};
  return made;
}

}  // namespace

std::string describe_api() {
  json::object paths;
  for (const RouteRow& row : routes()) {
    json::object operation{{"summary", row.summary},
                           {"operationId", row.name},
                           {"x-role", name_of(row.role)},
                           {"parameters", parameters_of(row)},
                           {"responses", responses_of(row)}};
    if (row.body != BodyRule::none)
      operation["requestBody"] = {{"required", row.body == BodyRule::required}, {"content", reference(row.takes)}};
    if (row.open) operation["security"] = json::array();
    std::string method(row.method);
    for (char& c : method) c = static_cast<char>(c | 0x20);
    json::value& path = paths["/admin/v1" + std::string(row.path)];
    if (!path.is_object()) path.emplace_object();
    path.as_object()[method] = std::move(operation);
  }
  return json::serialize(
      json::object{{"openapi", "3.1.0"},
                   {"info", {{"title", "Headworks admin API"}, {"version", HEADWORKS_VERSION}}},
                   {"security", json::array{json::object{{"token", json::array()}}, json::object{{"session", json::array()}}}},
                   {"paths", std::move(paths)},
                   {"components",
                    {{"schemas", schemas()},
                     {"securitySchemes", {{"token", {{"type", "http"}, {"scheme", "bearer"}}},
                      {"session", {{"type", "apiKey"}, {"in", "cookie"}, {"name", AdminAccess::kCookie}}}}}}}});
}

net::Task<Answer> get_openapi(AdminContext&, Call&) { co_return Reply{.status = 200, .body = describe_api()}; }

}  // namespace headworks::admin
