#include "wire/url.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

#include "wire/ip_address.hpp"

namespace headworks::wire {
namespace {

using base::ErrorKind;
using base::fail;
using base::Result;

constexpr std::size_t kMaxUrl = 2048;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
bool is_alpha(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

base::Error refuse(std::string message) { return fail(ErrorKind::invalid_configuration, std::move(message)); }

bool is_ipv4(std::string_view host) {
  int parts = 0;
  while (true) {
    const std::size_t dot = host.find('.');
    const std::string_view part = host.substr(0, dot);
    unsigned value = 0;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), value);
    if (part.empty() || error != std::errc{} || end != part.data() + part.size() || value > 255) return false;
    if (part.size() > 1 && part.front() == '0') return false;
    ++parts;
    if (dot == std::string_view::npos) return parts == 4;
    host.remove_prefix(dot + 1);
  }
}

// RFC 4291 section 2.2: eight groups of up to four hex digits, `::` once for a run of zeros, the last two
// groups perhaps as a.b.c.d. No zone: a link-local upstream is nothing that we want to call.
bool is_ipv6(std::string_view host) {
  int groups = 0;
  bool shortened = false;
  if (host.starts_with("::")) {
    shortened = true;
    host.remove_prefix(2);
  }
  while (!host.empty()) {
    const std::size_t colon = host.find(':');
    const std::string_view group = host.substr(0, colon);
    if (colon == std::string_view::npos && group.find('.') != std::string_view::npos)
      return is_ipv4(group) && (shortened ? groups + 2 < 8 : groups + 2 == 8);
    if (group.empty() || group.size() > 4 || !std::all_of(group.begin(), group.end(), is_hex)) return false;
    ++groups;
    if (colon == std::string_view::npos) break;
    host.remove_prefix(colon + 1);
    if (host.empty()) return false;
    if (host.front() != ':') continue;
    if (shortened) return false;
    shortened = true;
    host.remove_prefix(1);
  }
  return shortened ? groups < 8 : groups == 8;
}

Result<void> check_name(std::string_view host) {
  for (std::string_view rest = host; !rest.empty();) {
    const std::size_t dot = std::min(rest.find('.'), rest.size());
    if (dot == 0 || dot > 63 || dot + 1 == rest.size())
      return refuse("the URL's host holds an empty part, or one of more than 63 characters");
    rest.remove_prefix(std::min(dot + 1, rest.size()));
  }
  for (const char c : host)
    if (!is_alpha(c) && !is_digit(c) && c != '.' && c != '-' && c != '_')
      return refuse("the URL's host holds a character that no host name has");
  return {};
}

Result<void> check_host(std::string_view host, bool bracketed) {
  if (host.empty() || host.size() > 253) return refuse("the URL has no host, or one that is too long");
  if (bracketed) {
    if (!is_ipv6(host)) return refuse("the URL's IPv6 address is malformed");
    return {};
  }
  if (auto checked = check_name(host); !checked) return checked;
  // "2852039166", "127.1" and "0x7f.1" are addresses to some resolvers and names to others (WHATWG URL: a
  // host whose last part is a number is an IPv4 address).
  const std::string_view last = host.substr(host.rfind('.') + 1);
  const bool hexadecimal = last.size() > 1 && last[0] == '0' && lower(last[1]) == 'x';
  const bool number_like = hexadecimal || std::all_of(last.begin(), last.end(), is_digit);
  if (number_like && !is_ipv4(host)) return refuse("the URL's host looks like an address but is not a.b.c.d");
  return {};
}

Result<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size() || port == 0)
    return refuse("the URL's port is not between 1 and 65535");
  return port;
}

Result<void> check_path(std::string_view path) {
  for (std::size_t i = 0; i < path.size(); ++i) {
    const char c = path[i];
    if (c == '?' || c == '#') return refuse("the URL must have no query and no fragment");
    if (static_cast<unsigned char>(c) <= 0x20 || static_cast<unsigned char>(c) >= 0x7f ||
        std::string_view("\"<>\\^`{|}").find(c) != std::string_view::npos)
      return refuse("the URL's path holds a character that must be percent-encoded");
    if (c == '%' && (i + 2 >= path.size() || !is_hex(path[i + 1]) || !is_hex(path[i + 2])))
      return refuse("the URL's path holds a percent sign that encodes nothing");
  }
  // Segments that climb, also in disguise (RFC 3986 section 6.2.2.2: %2E is a dot).
  for (std::string_view rest = path; !rest.empty();) {
    const std::size_t slash = std::min(rest.find('/'), rest.size());
    std::string segment;
    for (std::size_t i = 0; i < slash; ++i) {
      const bool dot = rest[i] == '%' && rest[i + 1] == '2' && lower(rest[i + 2]) == 'e';
      segment.push_back(dot ? '.' : rest[i]);
      if (dot) i += 2;
    }
    if (segment == "." || segment == "..")
      return refuse("the URL's path must not climb: no . and .. segments");
    rest.remove_prefix(std::min(slash + 1, rest.size()));
  }
  return {};
}

struct Authority {
  std::string_view host;  // without brackets
  std::optional<std::string_view> port = std::nullopt;
  bool bracketed = false;
};

Result<Authority> split_authority(std::string_view text) {
  if (text.find('@') != std::string_view::npos)
    return refuse("the URL must not hold a user or a password; the key goes into api_key");
  Authority parts;
  std::string_view behind;
  if (text.starts_with('[')) {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos) return refuse("the URL's IPv6 address is not closed by a bracket");
    parts.bracketed = true;
    parts.host = text.substr(1, close - 1);
    behind = text.substr(close + 1);
    if (!behind.empty() && behind.front() != ':') return refuse("the URL's host is malformed");
  } else {
    parts.host = text.substr(0, text.find(':'));
    behind = text.substr(parts.host.size());
  }
  if (!behind.empty()) parts.port = behind.substr(1);
  return parts;
}

}  // namespace

Result<Url> parse_url(std::string_view text) {
  if (text.size() > kMaxUrl) return refuse("the URL is longer than 2048 bytes");
  Url url;
  const std::size_t colon = text.find("://");
  std::string scheme;
  for (const char c : text.substr(0, colon)) scheme.push_back(lower(c));
  if (colon == std::string_view::npos || (scheme != "http" && scheme != "https"))
    return refuse("the URL must begin with http:// or https://");
  url.tls = scheme == "https";
  std::string_view rest = text.substr(colon + 3);
  const std::size_t slash = rest.find_first_of("/?#\\");
  const std::string_view authority = rest.substr(0, slash);
  std::string_view path = slash == std::string_view::npos ? std::string_view{} : rest.substr(slash);
  const Result<Authority> parts = split_authority(authority);
  if (!parts) return parts.error();
  if (auto checked = check_host(parts->host, parts->bracketed); !checked) return checked.error();
  for (const char c : parts->host) url.host.push_back(lower(c));
  if (is_forbidden_literal(url.host))
    return refuse("the URL's address is link-local, unspecified or multicast: no upstream is called there");
  url.port = url.tls ? 443 : 80;
  if (parts->port) {
    const Result<std::uint16_t> port = parse_port(*parts->port);
    if (!port) return port.error();
    url.port = *port;
  }
  if (auto checked = check_path(path); !checked) return checked.error();
  while (!path.empty() && path.back() == '/') path.remove_suffix(1);
  url.path = path;
  return url;
}

std::string Url::origin() const {
  const bool v6 = host.find(':') != std::string::npos;
  std::string text = tls ? "https://" : "http://";
  text.append(v6 ? "[" + host + "]" : host).append(":").append(std::to_string(port));
  return text;
}

std::string Url::authority() const {
  const bool v6 = host.find(':') != std::string::npos;
  std::string text = v6 ? "[" + host + "]" : host;
  if (port != (tls ? 443 : 80)) text += ":" + std::to_string(port);
  return text;
}

void append_target(std::string& out, const Url& base, std::string_view client_target) {
  static constexpr std::string_view kVersion = "/v1";
  out += base.path;
  const bool doubled = std::string_view(base.path).ends_with(kVersion) &&
                       client_target.starts_with(kVersion) &&
                       (client_target.size() == kVersion.size() || client_target[kVersion.size()] == '/' ||
                        client_target[kVersion.size()] == '?');
  out += doubled ? client_target.substr(kVersion.size()) : client_target;
}

}  // namespace headworks::wire
