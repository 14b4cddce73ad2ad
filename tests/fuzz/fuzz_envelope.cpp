// The text of a sealed secret: what is taken for an envelope is one, byte for byte.
#include "target.hpp"
#include "vault/envelope.hpp"

namespace headworks::fuzz {

inline void envelope(std::string_view input) {
  const Exact exact(input);
  const auto parsed = vault::parse_envelope(exact.view());
  if (!parsed) return require(!parsed.error().message.empty(), "a refusal says why");
  require(vault::format_envelope(*parsed) == input, "an envelope has one text");
  require(vault::looks_like_envelope(input), "it is never taken for a clear text");
  require(parsed->cipher.size() > vault::kTagBytes, "there is something to open");
}

}  // namespace headworks::fuzz

HEADWORKS_FUZZ_TARGET(envelope)
