#include "dialect/usage_reader.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

namespace headworks::dialect {
namespace {

constexpr std::string_view kKey = "\"usage\"";

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

// The object that begins at text[at], found by its brackets; empty when it does not end.
std::string_view object_at(std::string_view text, std::size_t at) {
  int depth = 0;
  bool in_string = false;
  for (std::size_t i = at; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      else if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{') {
      ++depth;
    } else if (c == '}' && --depth == 0) {
      return text.substr(at, i + 1 - at);
    }
  }
  return {};
}

// The value of the last "usage" member that is an object. A quote within a string is escaped, so the key is no text.
std::string_view find_usage(std::string_view text) {
  for (std::size_t at = text.rfind(kKey); at != std::string_view::npos; at = at == 0 ? at - 1 : text.rfind(kKey, at - 1)) {
    std::size_t value = at + kKey.size();
    while (value < text.size() && is_blank(text[value])) ++value;
    if (value >= text.size() || text[value] != ':') continue;
    ++value;
    while (value < text.size() && is_blank(text[value])) ++value;
    if (value < text.size() && text[value] == '{') return object_at(text, value);
  }
  return {};
}

struct Counts {
  std::optional<std::uint64_t> input, output, cached, cache_read, cache_write, reasoning;
};

std::optional<std::uint64_t> count_of(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

void read_details(json::JsonReader& reader, std::string_view details, Counts& counts) {
  (void)reader.read_object(details, 8, [&](const json::Member& member) -> base::Result<void> {
    const std::string_view value = member.value.in(details);
    if (member.key == "cached_tokens") counts.cached = count_of(value);
    if (member.key == "reasoning_tokens") counts.reasoning = count_of(value);
    return {};
  });
}

}  // namespace

bool read_usage(json::JsonReader& reader, std::string_view text, base::Usage& usage) {
  const std::string_view object = find_usage(text);
  if (object.empty()) return false;
  Counts counts;
  std::string_view details[2];
  std::size_t detail_count = 0;
  const auto read = reader.read_object(object, 16, [&](const json::Member& member) -> base::Result<void> {
    const std::string_view value = member.value.in(object);
    if (member.key == "prompt_tokens" || member.key == "input_tokens") counts.input = count_of(value);
    if (member.key == "completion_tokens" || member.key == "output_tokens") counts.output = count_of(value);
    if (member.key == "cache_read_input_tokens") counts.cache_read = count_of(value);
    if (member.key == "cache_creation_input_tokens") counts.cache_write = count_of(value);
    if (member.type == json::Type::object && member.key.ends_with("_tokens_details") && detail_count < 2)
      details[detail_count++] = value;
    return {};
  });
  if (!read || (!counts.input && !counts.output)) return false;
  for (std::size_t i = 0; i < detail_count; ++i) read_details(reader, details[i], counts);
  // An event of a stream tells a part (message_start the input, message_delta the output so far): larger counts win.
  const std::uint64_t apart = counts.cache_read.value_or(0) + counts.cache_write.value_or(0);
  usage.input_tokens = std::max(usage.input_tokens, counts.input.value_or(0) + apart);
  usage.output_tokens = std::max(usage.output_tokens, counts.output.value_or(0));
  usage.cached_input_tokens =
      std::max(usage.cached_input_tokens, counts.cached.value_or(counts.cache_read.value_or(0)));
  usage.cache_write_tokens = std::max(usage.cache_write_tokens, counts.cache_write.value_or(0));
  usage.reasoning_tokens = std::max(usage.reasoning_tokens, counts.reasoning.value_or(0));
  return true;
}

}  // namespace headworks::dialect
