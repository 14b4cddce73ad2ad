#include "dialect/usage_reader.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "dialect/key_search.hpp"

namespace headworks::dialect {
namespace {

constexpr std::string_view kKey = "\"usage\"";
constexpr auto npos = std::string_view::npos;
constexpr std::uint64_t kMaxCount = std::uint64_t{1} << 40;  // what is larger is no count of tokens
constexpr int kMaxCandidates = 8;  // members of this name that may be tried; one is usual

// The object that begins at text[at], found by its brackets; empty when it does not end.
std::string_view object_at(std::string_view text, std::size_t at) {
  int depth = 0;
  bool in_string = false;
  for (std::size_t i = at; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\')
        ++i;
      else if (c == '"')
        in_string = false;
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

// Where the value of the last "usage" in text[..end) begins. Searches forwards in windows that grow
// backwards: it stands near the end, and a search for it forwards is many times faster than one backwards.
std::size_t find_last_usage(std::string_view text, std::size_t end) {
  for (std::size_t window = 1024;; window *= 8) {
    const std::size_t begin = end > window ? end - window : 0;
    std::size_t last = npos;
    for (std::size_t at = find_value(text.substr(0, end), kKey, begin); at != npos;
         at = find_value(text.substr(0, end), kKey, at))
      last = at;
    if (last != npos || begin == 0) return last;
  }
}

struct Counts {
  std::optional<std::uint64_t> input, output, total, cached, cache_read, cache_write, reasoning;
};

std::optional<std::uint64_t> count_of(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value > kMaxCount) return std::nullopt;
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

// Reads the object's counts; false when it holds none, hence is something else of that name.
bool read_counts(json::JsonReader& reader, std::string_view object, Counts& counts) {
  std::array<std::string_view, 2> details;
  std::size_t detail_count = 0;
  const auto read = reader.read_object(object, 16, [&](const json::Member& member) -> base::Result<void> {
    const std::string_view value = member.value.in(object);
    if (member.key == "prompt_tokens" || member.key == "input_tokens") counts.input = count_of(value);
    if (member.key == "completion_tokens" || member.key == "output_tokens") counts.output = count_of(value);
    if (member.key == "total_tokens") counts.total = count_of(value);
    if (member.key == "cache_read_input_tokens") counts.cache_read = count_of(value);
    if (member.key == "cache_creation_input_tokens") counts.cache_write = count_of(value);
    if (member.type == json::Type::object && member.key.ends_with("_tokens_details") &&
        detail_count < details.size())
      details[detail_count++] = value;
    return {};
  });
  if (!read) return false;
  // Rerankers say the sum only, and all of it is input.
  if (!counts.input && !counts.output) counts.input = counts.total;
  for (std::size_t i = 0; i < detail_count; ++i) read_details(reader, details[i], counts);
  return counts.input || counts.output;
}

}  // namespace

bool read_usage(json::JsonReader& reader, std::string_view text, base::Usage& usage) {
  Counts counts;
  std::size_t end = text.size();
  for (int tried = 0;; ++tried) {
    const std::size_t at = find_last_usage(text, end);
    if (at == npos || tried == kMaxCandidates) return false;
    counts = {};
    if (text[at] == '{' && read_counts(reader, object_at(text, at), counts)) break;
    end = at - 1;  // before its colon or blank: the key cannot be found again
  }
  // An event of a stream tells a part (message_start the input, message_delta the output so far): larger
  // counts win.
  const std::uint64_t apart = counts.cache_read.value_or(0) + counts.cache_write.value_or(0);
  const std::uint64_t cached = counts.cached.value_or(counts.cache_read.value_or(0));
  usage.input_tokens = std::max(usage.input_tokens, counts.input.value_or(0) + apart);
  usage.output_tokens = std::max(usage.output_tokens, counts.output.value_or(0));
  // Parts are never more than the whole, whatever an upstream says: prices are taken from the difference.
  usage.cached_input_tokens = std::min(std::max(usage.cached_input_tokens, cached), usage.input_tokens);
  usage.cache_write_tokens =
      std::min(std::max(usage.cache_write_tokens, counts.cache_write.value_or(0)), usage.input_tokens);
  usage.reasoning_tokens =
      std::min(std::max(usage.reasoning_tokens, counts.reasoning.value_or(0)), usage.output_tokens);
  return true;
}

}  // namespace headworks::dialect
