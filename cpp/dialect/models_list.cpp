#include "dialect/models_list.hpp"

#include <ctime>

#include "json/json_writer.hpp"

namespace headworks::dialect {
namespace {

void write_one(Dialect dialect, std::string_view name, std::int64_t created, json::JsonWriter& json) {
  json.open_object();
  if (dialect == Dialect::anthropic) {
    char date[32];
    const std::time_t seconds = created;
    std::tm utc{};
    ::gmtime_r(&seconds, &utc);
    std::strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", &utc);
    json.key("type").string("model").key("id").string(name).key("display_name").string(name);
    json.key("created_at").string(date);
  } else {
    json.key("id").string(name).key("object").string("model").key("created").number(created);
    json.key("owned_by").string("headworks");
  }
  json.close_object();
}

}  // namespace

void write_models(Dialect dialect, std::span<const std::string> names, std::int64_t created, std::string& out) {
  json::JsonWriter json(out);
  json.open_object();
  if (dialect == Dialect::openai) json.key("object").string("list");
  json.key("data").open_array();
  for (const std::string& name : names) write_one(dialect, name, created, json);
  json.close_array();
  if (dialect == Dialect::anthropic) {
    json.key("has_more").boolean(false);
    json.key("first_id");
    names.empty() ? json.null() : json.string(names.front());
    json.key("last_id");
    names.empty() ? json.null() : json.string(names.back());
  }
  json.close_object();
}

void write_model(Dialect dialect, std::string_view name, std::int64_t created, std::string& out) {
  json::JsonWriter json(out);
  write_one(dialect, name, created, json);
}

}  // namespace headworks::dialect
