// Configuration documents: every problem says where and what, no text repeats a key, and what has no problem makes
// a document that has none either.
#include "catalog/configuration.hpp"
#include "target.hpp"

namespace headworks::fuzz {

inline constexpr std::string_view kResolved = "sk-resolved-4b7d09e1";

inline catalog::KeySource source_of_keys() {
  return {.references = catalog::KeySource::References::resolved,
          .resolve = [](std::string_view) -> base::Result<base::Secret> { return base::Secret(kResolved); },
          .warn_of_literals = true};
}

inline void require_clear(const std::vector<catalog::Problem>& problems) {
  for (const catalog::Problem& problem : problems) {
    require(problem.path.starts_with('$'), "a problem says where");
    require(!problem.message.empty(), "a problem says what");
    require((problem.path + problem.message + problem.hint).find(kResolved) == std::string::npos,
            "no text repeats a key");
  }
}

inline void configuration(std::string_view input) {
  const Exact exact(input);
  const catalog::ParsedConfiguration parsed = catalog::parse_configuration(exact.view(), source_of_keys());
  require_clear(parsed.problems);
  require_clear(parsed.warnings);
  require(catalog::parse_configuration(exact.view(), source_of_keys()).problems.size() == parsed.problems.size(),
          "the same twice");
  if (!parsed.ok()) return;
  catalog::Rows rows;
  rows.pools = parsed.configuration.pools;
  if (rows.pools.empty()) rows.pools = {{.name = "primary"}, {.name = "fallback", .position = 1}};  // as every store has
  for (const catalog::Backend& backend : parsed.configuration.backends) rows.backends.push_back(backend.copy());
  rows.settings = parsed.configuration.settings;
  rows.prices = parsed.configuration.prices;
  const std::string text = catalog::format_configuration(rows);
  require(text.find(kResolved) == std::string::npos, "what is exported holds no key");
  const auto again = catalog::parse_configuration(text, source_of_keys());
  if (!again.ok())
    throw Violation("what is exported cannot be applied: " + again.problems[0].path + " " + again.problems[0].message);
}

}  // namespace headworks::fuzz

HEADWORKS_FUZZ_TARGET(configuration)
