// Finding a key in JSON text by its bytes, without a parse: for deciding whether an event or an answer is
// worth one. Within a string every quote is escaped, so `"usage"` can only stand there as a key or as a whole
// string; the colon behind it tells. At what depth, and whether the text is JSON at all, is for a parse to
// say.
#pragma once

#include <string.h>

#include <cstddef>
#include <string_view>

namespace headworks::dialect {

constexpr bool is_json_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

inline std::size_t skip_json_blanks(std::string_view text, std::size_t at) {
  while (at < text.size() && is_json_blank(text[at])) ++at;
  return at;
}

// Where the value of the first `key` (quotes included) at or after `from` begins; npos when there is none.
inline std::size_t find_value(std::string_view text, std::string_view key, std::size_t from = 0) {
  while (from < text.size()) {
    const void* found = ::memmem(text.data() + from, text.size() - from, key.data(), key.size());
    if (found == nullptr) break;
    const auto at = static_cast<std::size_t>(static_cast<const char*>(found) - text.data());
    const std::size_t colon = skip_json_blanks(text, at + key.size());
    if (colon < text.size() && text[colon] == ':') {
      const std::size_t value = skip_json_blanks(text, colon + 1);
      return value < text.size() ? value : std::string_view::npos;
    }
    from = at + key.size();
  }
  return std::string_view::npos;
}

}  // namespace headworks::dialect
