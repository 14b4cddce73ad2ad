#include "wire/query.hpp"

#include <algorithm>

namespace headworks::wire {
namespace {

int hex_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

}  // namespace

std::optional<std::string> decode_percent(std::string_view text, Plus plus) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t at = 0; at < text.size(); ++at) {
    char c = text[at];
    if (c == '+' && plus == Plus::is_blank) c = ' ';
    if (c == '%') {
      if (at + 2 >= text.size()) return std::nullopt;
      const int high = hex_of(text[at + 1]), low = hex_of(text[at + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      c = static_cast<char>(high * 16 + low);
      at += 2;
    }
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return std::nullopt;
    decoded += c;
  }
  return decoded;
}

std::optional<QueryPairs> parse_query(std::string_view text) {
  QueryPairs pairs;
  while (!text.empty()) {
    const std::string_view part = text.substr(0, text.find('&'));
    text.remove_prefix(std::min(part.size() + 1, text.size()));
    if (part.empty()) continue;
    const std::size_t equals = part.find('=');
    auto name = decode_percent(part.substr(0, equals), Plus::is_blank);
    auto value = equals == part.npos ? std::optional<std::string>("") : decode_percent(part.substr(equals + 1), Plus::is_blank);
    if (!name || !value) return std::nullopt;
    pairs.emplace_back(*std::move(name), *std::move(value));
  }
  return pairs;
}

}  // namespace headworks::wire
