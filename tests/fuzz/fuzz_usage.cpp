// Usage out of whole answers and out of their tails: a part is never more than the whole, nothing is counted where
// nothing is said, reading twice is reading once, and what a full parse finds is what is counted.
#include <charconv>
#include <optional>
#include <utility>

#include "dialect/usage_reader.hpp"
#include "json/json_reader.hpp"
#include "target.hpp"

namespace headworks::fuzz {

inline bool same(const base::Usage& one, const base::Usage& other) {
  return one.input_tokens == other.input_tokens && one.output_tokens == other.output_tokens &&
         one.cached_input_tokens == other.cached_input_tokens &&
         one.cache_write_tokens == other.cache_write_tokens && one.reasoning_tokens == other.reasoning_tokens;
}

// What a full parse says that `prompt_tokens` and `completion_tokens` of the answer's usage are; none where the answer is
// no JSON, says "usage" or a count twice, or escapes something.
inline std::optional<std::pair<std::uint64_t, std::uint64_t>> parsed_counts(std::string_view answer) {
  static json::JsonReader reader;
  if (answer.find("usage") != answer.rfind("usage") || answer.find('\\') != std::string_view::npos) return std::nullopt;
  std::string_view object;
  const auto whole = reader.read_object(answer, 64, [&](const json::Member& member) -> base::Result<void> {
    if (member.key == "usage" && member.type == json::Type::object) object = member.value.in(answer);
    return {};
  });
  if (!whole || object.empty()) return std::nullopt;
  std::uint64_t counts[2] = {};
  int seen[2] = {}, others = 0;
  const auto read = reader.read_object(object, 64, [&](const json::Member& member) -> base::Result<void> {
    const int which = member.key == "prompt_tokens" ? 0 : member.key == "completion_tokens" ? 1 : -1;
    if (which < 0) {
      others += member.key.find("_tokens") != std::string_view::npos && !member.key.ends_with("_details");
      return {};
    }
    ++seen[which];
    const std::string_view text = member.value.in(object);
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error == std::errc{} && end == text.data() + text.size() && value <= std::uint64_t{1} << 40) counts[which] = value;
    return {};
  });
  if (!read || seen[0] > 1 || seen[1] > 1 || others > 0) return std::nullopt;
  return std::pair(counts[0], counts[1]);
}

inline void usage(std::string_view input) {
  const Exact exact(input, json::kPadding);
  base::Usage found;
  const bool any = dialect::read_usage(exact.view(), found);
  require(any || same(found, {}), "what is not there is not counted");
  require(found.cached_input_tokens <= found.input_tokens && found.cache_write_tokens <= found.input_tokens &&
              found.reasoning_tokens <= found.output_tokens,
          "a part is not more than the whole");
  require(!any || input.find("usage") != std::string_view::npos, "somebody has to say it");
  base::Usage again;
  require(dialect::read_usage(exact.view(), again) == any && same(found, again), "the same twice");
  if (const auto counts = parsed_counts(exact.view()))
    require(found.input_tokens == counts->first && found.output_tokens == counts->second, "as a full parse has it");
}

}  // namespace headworks::fuzz

HEADWORKS_FUZZ_TARGET(usage)
