// Which bytes may stand where in a message head (RFC 9110 section 5.6.2, RFC 3986 section 2): one table,
// looked up by the scanner and the parsers of heads; and for what every request pays, eight bytes at a time.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
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

inline bool is(char c, CharClass wanted) { return (kClasses[static_cast<unsigned char>(c)] & wanted) != 0; }

inline bool all_of(std::string_view text, CharClass wanted) {
  std::uint8_t bits = 0xff;
  for (const char c : text) bits &= kClasses[static_cast<unsigned char>(c)];
  return (bits & wanted) != 0;
}

inline constexpr std::uint64_t kEachByte = 0x0101'0101'0101'0101;

inline std::uint64_t load_eight(const char* bytes) {
  std::uint64_t word;
  std::memcpy(&word, bytes, sizeof word);
  return word;
}

// Whether a byte of the eight is a control character: below 0x20, or 0x7f.
constexpr bool any_control(std::uint64_t word) {
  const std::uint64_t low = (word - kEachByte * 0x20) & ~word;
  const std::uint64_t deleted = word ^ (kEachByte * 0x7f);
  return ((low | ((deleted - kEachByte) & ~deleted)) & (kEachByte * 0x80)) != 0;
}

// Whether `text` may be a field's value, all_of(text, kValue); an empty one may.
inline bool is_value(std::string_view text) {
  std::size_t at = 0;
  while (at + 8 <= text.size() && !any_control(load_eight(text.data() + at))) at += 8;
  for (; at < text.size(); ++at)
    if (!is(text[at], kValue)) return false;
  return true;
}

constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }


// The same of eight bytes: 0x20 is added to those between 'A' and 'Z'.
constexpr std::uint64_t lower_eight(std::uint64_t word) {
  const std::uint64_t seven = word & (kEachByte * 0x7f);
  const std::uint64_t from_a = seven + kEachByte * (0x80 - 'A');
  const std::uint64_t behind_z = seven + kEachByte * (0x7f - 'Z');
  return word | ((from_a & ~behind_z & ~word & (kEachByte * 0x80)) >> 2);
}

}  // namespace headworks::wire
