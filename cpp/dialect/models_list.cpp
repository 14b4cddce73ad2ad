#include "dialect/models_list.hpp"

#include <algorithm>
#include <charconv>
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

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// RFC 3986 section 2.1; a percent sign that encodes nothing stands for itself.
std::string percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool encoded =
        text[i] == '%' && i + 2 < text.size() && hex_value(text[i + 1]) >= 0 && hex_value(text[i + 2]) >= 0;
    out.push_back(encoded ? static_cast<char>(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2]))
                          : text[i]);
    if (encoded) i += 2;
  }
  return out;
}

struct Range {
  std::size_t begin = 0;
  std::size_t end = 0;
};

Range range_of(std::span<const std::string> names, const ModelsPage& page) {
  Range range{0, names.size()};
  const auto place_of = [&](const std::string& name) {
    return static_cast<std::size_t>(std::find(names.begin(), names.end(), name) - names.begin());
  };
  if (!page.before_id.empty()) {
    range.end = place_of(page.before_id);
    range.begin = range.end - std::min(range.end, page.limit);
  } else {
    if (!page.after_id.empty()) range.begin = std::min(place_of(page.after_id) + 1, names.size());
    range.end = range.begin + std::min(names.size() - range.begin, page.limit);
  }
  return range;
}

}  // namespace

ModelsPage read_models_page(std::string_view query) {
  ModelsPage page;
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(pair.size() + 1, query.size()));
    const std::size_t equals = std::min(pair.find('='), pair.size());
    const std::string_view name = pair.substr(0, equals);
    const std::string_view value = pair.substr(std::min(equals + 1, pair.size()));
    if (name == "after_id") page.after_id = percent_decoded(value);
    if (name == "before_id") page.before_id = percent_decoded(value);
    if (name != "limit") continue;
    std::size_t limit = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), limit);
    if (error == std::errc{} && end == value.data() + value.size() && limit >= 1 && limit <= 1000)
      page.limit = limit;
  }
  return page;
}

void write_models(Dialect dialect, std::span<const std::string> names, std::int64_t created, std::string& out,
                  const ModelsPage& page) {
  const bool anthropic = dialect == Dialect::anthropic;
  const Range range = anthropic ? range_of(names, page) : Range{0, names.size()};
  const auto shown = names.subspan(range.begin, range.end - range.begin);
  json::JsonWriter json(out);
  json.open_object();
  if (!anthropic) json.key("object").string("list");
  json.key("data").open_array();
  for (const std::string& name : shown) write_one(dialect, name, created, json);
  json.close_array();
  if (anthropic) {
    json.key("has_more").boolean(page.before_id.empty() ? range.end < names.size() : range.begin > 0);
    json.key("first_id");
    shown.empty() ? json.null() : json.string(shown.front());
    json.key("last_id");
    shown.empty() ? json.null() : json.string(shown.back());
  }
  json.close_object();
}

void write_model(Dialect dialect, std::string_view name, std::int64_t created, std::string& out) {
  json::JsonWriter json(out);
  write_one(dialect, name, created, json);
}

}  // namespace headworks::dialect
