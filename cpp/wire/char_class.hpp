// Which bytes may stand where in a message head (RFC 9110 section 5.6.2, RFC 3986 section 2): one table,
// looked up by the scanner and the parsers of heads.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace headworks::wire {

enum CharClass : std::uint8_t { kToken = 1, kTarget = 2, kValue = 4, kHost = 8 };

inline constexpr auto kClasses = [] {
  std::array<std::uint8_t, 256> table{};
  for (int c = 0; c < 256; ++c) {
    const bool alpha = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    const bool digit = c >= '0' && c <= '9';
    std::uint8_t bits = 0;
    if (alpha || digit ||
        std::string_view("!#$%&'*+-.^_`|~").find(static_cast<char>(c)) != std::string_view::npos)
      bits |= kToken;
    // A target is visible ASCII without what no URI holds; '#' would be a fragment.
    if (c > 0x20 && c < 0x7f &&
        std::string_view("\"#<>\\^`{|}").find(static_cast<char>(c)) == std::string_view::npos)
      bits |= kTarget;
    if (c == '\t' || (c >= 0x20 && c != 0x7f)) bits |= kValue;  // obs-text (>= 0x80) is data
    if (alpha || digit ||
        std::string_view("-._~!$&'()*+;=:[]%").find(static_cast<char>(c)) != std::string_view::npos)
      bits |= kHost;
    table[static_cast<std::size_t>(c)] = bits;
  }
  return table;
}();

inline bool all_of(std::string_view text, CharClass wanted) {
  std::uint8_t bits = 0xff;
  for (const char c : text) bits &= kClasses[static_cast<unsigned char>(c)];
  return (bits & wanted) != 0;
}

constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

}  // namespace headworks::wire
