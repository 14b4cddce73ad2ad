// Usage out of whole answers and out of their tails: a part is never more than the whole, nothing is counted where
// nothing is said, and reading twice is reading once.
#include "dialect/usage_reader.hpp"
#include "target.hpp"

namespace headworks::fuzz {

inline bool same(const base::Usage& one, const base::Usage& other) {
  return one.input_tokens == other.input_tokens && one.output_tokens == other.output_tokens &&
         one.cached_input_tokens == other.cached_input_tokens &&
         one.cache_write_tokens == other.cache_write_tokens && one.reasoning_tokens == other.reasoning_tokens;
}

inline void usage(std::string_view input) {
  static json::JsonReader reader;
  const Exact exact(input, json::kPadding);
  base::Usage found;
  const bool any = dialect::read_usage(reader, exact.view(), found);
  require(any || same(found, {}), "what is not there is not counted");
  require(found.cached_input_tokens <= found.input_tokens && found.cache_write_tokens <= found.input_tokens &&
              found.reasoning_tokens <= found.output_tokens,
          "a part is not more than the whole");
  require(!any || input.find("usage") != std::string_view::npos, "somebody has to say it");
  base::Usage again;
  require(dialect::read_usage(reader, exact.view(), again) == any && same(found, again), "the same twice");
}

}  // namespace headworks::fuzz

HEADWORKS_FUZZ_TARGET(usage)
