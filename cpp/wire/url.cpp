#include "wire/url.hpp"

#include <charconv>

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

Result<void> check_host(std::string_view host, bool bracketed) {
  if (host.empty() || host.size() > 253) return refuse("the URL has no host, or one that is too long");
  if (bracketed) {
    for (const char c : host)
      if (!is_hex(c) && c != ':' && c != '.') return refuse("the URL's IPv6 address is malformed");
    return {};
  }
  bool numeric = true;
  for (const char c : host) {
    if (!is_alpha(c) && !is_digit(c) && c != '.' && c != '-' && c != '_')
      return refuse("the URL's host holds a character that no host name has");
    numeric &= is_digit(c) || c == '.';
  }
  // "2852039166" and "0x7f.1" are addresses to some resolvers and names to others.
  const std::string_view last = host.substr(host.rfind('.') == std::string_view::npos ? 0 : host.rfind('.') + 1);
  const bool number_like = numeric || (last.size() > 1 && last[0] == '0' && lower(last[1]) == 'x') ||
                           (!last.empty() && is_digit(last.front()) && last.find_first_not_of("0123456789") == last.npos);
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
    if (c == '\\' || static_cast<unsigned char>(c) <= 0x20 || static_cast<unsigned char>(c) >= 0x7f)
      return refuse("the URL's path holds a character that must be percent-encoded");
    if (c == '%' && (i + 2 >= path.size() || !is_hex(path[i + 1]) || !is_hex(path[i + 2])))
      return refuse("the URL's path holds a percent sign that encodes nothing");
  }
  if (("/" + std::string(path) + "/").find("/../") != std::string::npos || path.find("/./") != std::string_view::npos)
    return refuse("the URL's path must not climb: no . and .. segments");
  return {};
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
  std::string_view authority = rest.substr(0, slash);
  std::string_view path = slash == std::string_view::npos ? std::string_view{} : rest.substr(slash);
  if (authority.find('@') != std::string_view::npos)
    return refuse("the URL must not hold a user or a password; the key goes into api_key");

  std::string_view port;
  std::string_view host = authority;
  const bool bracketed = !authority.empty() && authority.front() == '[';
  if (bracketed) {
    const std::size_t close = authority.find(']');
    if (close == std::string_view::npos) return refuse("the URL's IPv6 address is not closed by a bracket");
    host = authority.substr(1, close - 1);
    const std::string_view behind = authority.substr(close + 1);
    if (!behind.empty() && behind.front() != ':') return refuse("the URL's host is malformed");
    if (!behind.empty()) port = behind.substr(1);
    if (behind == ":") return refuse("the URL's port is not between 1 and 65535");
  } else if (const std::size_t at = authority.find(':'); at != std::string_view::npos) {
    host = authority.substr(0, at);
    port = authority.substr(at + 1);
    if (port.empty()) return refuse("the URL's port is not between 1 and 65535");
  }
  if (auto checked = check_host(host, bracketed); !checked) return checked.error();
  for (const char c : host) url.host.push_back(lower(c));
  url.port = url.tls ? 443 : 80;
  if (!port.empty()) {
    const Result<std::uint16_t> parsed = parse_port(port);
    if (!parsed) return parsed.error();
    url.port = *parsed;
  }
  if (auto checked = check_path(path); !checked) return checked.error();
  while (!path.empty() && path.back() == '/') path.remove_suffix(1);
  url.path = path;
  return url;
}

std::string Url::origin() const {
  const bool v6 = host.find(':') != std::string::npos;
  return std::string(tls ? "https://" : "http://") + (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
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
  const bool doubled = std::string_view(base.path).ends_with(kVersion) && client_target.starts_with(kVersion) &&
                       (client_target.size() == kVersion.size() || client_target[kVersion.size()] == '/' ||
                        client_target[kVersion.size()] == '?');
  out += doubled ? client_target.substr(kVersion.size()) : client_target;
}

}  // namespace headworks::wire
