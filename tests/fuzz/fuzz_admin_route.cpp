// Paths of the admin API: the row that judges who may is the row that answers, and it is the one that the path
// spells, letter by letter.
#include "admin/admin_routes.hpp"
#include "target.hpp"

namespace headworks::fuzz {

inline std::vector<std::string_view> segments_of(std::string_view path) {
  std::vector<std::string_view> segments;
  for (std::size_t slash; (slash = path.find('/', 1)) != std::string_view::npos; path.remove_prefix(slash))
    segments.push_back(path.substr(0, slash));
  segments.push_back(path);
  return segments;
}

// "METHOD /path".
inline void admin_route(std::string_view input) {
  const std::size_t blank = std::min(input.find(' '), input.size());
  const Exact method(input.substr(0, blank)), path(input.substr(std::min(blank + 1, input.size())));
  const admin::Routed routed = admin::route(method.view(), path.view());
  if (routed.row == nullptr) return;
  require(routed.row->method == method.view() || (routed.row->method == "GET" && method.view() == "HEAD"),
          "the method is the row's");
  const auto asked = segments_of(path.view()), known = segments_of(routed.row->path);
  require(asked.size() == known.size(), "as many parts as the row has");
  std::size_t value = 0;
  for (std::size_t i = 0; i < asked.size(); ++i) {
    if (!known[i].starts_with("/{")) {
      require(asked[i] == known[i], "words are spelled as in the row, without escapes");
      continue;
    }
    require(value < routed.values.size() && !routed.values[value].empty(), "every {...} has a value");
    for (const char c : routed.values[value])
      require(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f, "no control character comes out of an escape");
    ++value;
  }
  require(value == routed.values.size(), "no value more");
}

}  // namespace headworks::fuzz

HEADWORKS_FUZZ_TARGET(admin_route)
