// The one URL parser: absolute http and https URLs of upstreams. RFC 3986, strict: no user info, no fragment,
// no query, no backslash, no control characters, port 1..65535, host = registered name, IPv4 or [IPv6], and no address
// that ip_address.hpp forbids.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace headworks::wire {

struct Url {
  bool tls = false;
  std::string host;  // lower case; IPv6 without brackets
  std::uint16_t port = 0;
  std::string path;  // "" or "/v1", never with a trailing slash

  // "https://host:443": what a sealed key is bound to, and the key of the connection pool.
  std::string origin() const;
  // The Host field: brackets for IPv6, the port only when it is not the scheme's own.
  std::string authority() const;
};

// Error kind invalid_configuration, with a message that says what is wrong and what to write instead.
base::Result<Url> parse_url(std::string_view text);

// The target to send upstream for a client's target (path and query, byte for byte), without doubling "/v1":
// base "/v1" + "/v1/chat/completions?x=1" -> "/v1/chat/completions?x=1"; base "" + the same -> the same;
// base "/openai/v1" + ... -> "/openai/v1/chat/completions?x=1". Appends to `out`.
void append_target(std::string& out, const Url& base, std::string_view client_target);

}  // namespace headworks::wire
