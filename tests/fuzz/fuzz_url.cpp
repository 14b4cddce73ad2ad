// URLs of upstreams: what is accepted has one reading.
#include "target.hpp"
#include "wire/ip_address.hpp"
#include "wire/url.hpp"

namespace headworks::fuzz {

inline void url(std::string_view input) {
  const Exact exact(input);
  const auto parsed = wire::parse_url(exact.view());
  if (!parsed) return require(!parsed.error().message.empty(), "a refusal says why");
  const std::string plain = parsed->origin() + parsed->path;
  for (const char c : plain)
    require(static_cast<unsigned char>(c) > 0x20 && static_cast<unsigned char>(c) < 0x7f && c != '\\',
            "nothing that another parser reads differently");
  require(parsed->origin().find('@') == std::string::npos, "nobody's name or password");
  const auto again = wire::parse_url(plain);
  require(again && again->origin() + again->path == plain, "reading it again changes nothing");
  require(!wire::is_forbidden_literal(parsed->host), "no address that nobody is called at");
  require(parsed->port != 0 && !parsed->host.empty(), "it names a destination");
  std::string target;
  wire::append_target(target, *parsed, "/v1/chat/completions");
  require(target == parsed->path + "/v1/chat/completions" ||
              (parsed->path.ends_with("/v1") && target == parsed->path + "/chat/completions"),
          "the version is not doubled");
}

}  // namespace headworks::fuzz

HEADWORKS_FUZZ_TARGET(url)
