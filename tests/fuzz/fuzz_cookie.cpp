// What a browser sends along: the session is that of the cookie's own name, and a change comes from our page.
#include "admin/admin_access.hpp"
#include "target.hpp"

namespace headworks::fuzz {

// The first pair of that name, found the slow way.
inline std::string plain_session(std::string_view cookies) {
  const std::string name = std::string(admin::AdminAccess::kCookie) + "=";
  std::string pair;
  for (const char c : std::string(cookies) + ";") {
    if (c != ';') {
      pair.push_back(c);
      continue;
    }
    const std::size_t begin = std::min(pair.find_first_not_of(' '), pair.size());
    if (pair.compare(begin, name.size(), name) == 0) return pair.substr(begin + name.size());
    pair.clear();
  }
  return {};
}

// Lines of "name: value".
inline void cookie(std::string_view input) {
  const Exact exact(input);
  wire::RequestHead head;
  std::string_view cookies, site, origin, host;
  for (std::string_view rest = exact.view(); !rest.empty() && head.fields.size() < 20;) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    const std::size_t colon = std::min(line.find(": "), line.size());
    const std::string_view name = line.substr(0, colon), value = line.substr(std::min(colon + 2, line.size()));
    for (auto& [known, slot] : {std::pair{"cookie", &cookies}, {"sec-fetch-site", &site}, {"origin", &origin}, {"host", &host}})
      if (wire::same_name(name, known) && slot->data() == nullptr) *slot = value;
    head.fields.push_back({name, value, wire::traits_of(name)});
  }
  require(admin::AdminAccess::session_of(head) == plain_session(cookies), "the session is the cookie's");
  if (!admin::AdminAccess::check_origin(head, true, true)) return;
  require(site == "same-origin" || (site.empty() && !origin.empty()), "a change by cookie comes from a page");
  if (site.empty())
    require(wire::same_name(origin.substr(origin.find("//") + 2), host), "and that page is ours");
}

}  // namespace headworks::fuzz

HEADWORKS_FUZZ_TARGET(cookie)
