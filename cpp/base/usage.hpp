// Tokens and money of one attempt, with their provenance.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace headworks::base {

// Where a token count came from. A count is never invented: what we do not know is `none`.
enum class UsageSource : std::uint8_t {
  none,       // nothing was used, or nothing can be known
  reported,   // the upstream's own figures, complete
  partial,    // the answer was cut; what had been reported or counted until then
  estimated,  // the upstream said nothing; counted from the stream's events or the body's size
};

constexpr std::string_view name_of(UsageSource source) {
  switch (source) {
    case UsageSource::none: return "none";
    case UsageSource::reported: return "reported";
    case UsageSource::partial: return "partial";
    case UsageSource::estimated: return "estimated";
  }
  return "none";
}

constexpr std::optional<UsageSource> find_usage_source(std::string_view name) {
  for (const UsageSource source :
       {UsageSource::none, UsageSource::reported, UsageSource::partial, UsageSource::estimated})
    if (name_of(source) == name) return source;
  return std::nullopt;
}

struct Usage {
  std::uint64_t input_tokens = 0;         // includes cached_input_tokens
  std::uint64_t output_tokens = 0;        // includes reasoning_tokens
  std::uint64_t cached_input_tokens = 0;  // read from the provider's cache
  std::uint64_t cache_write_tokens = 0;   // written to it (Anthropic)
  std::uint64_t reasoning_tokens = 0;
  UsageSource source = UsageSource::none;
};

// Money in millionths of a US dollar: exact sums, no floating point in the ledger.
struct MicroUsd {
  std::int64_t value = 0;
};

}  // namespace headworks::base
