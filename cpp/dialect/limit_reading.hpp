// What a rate-limit answer (429) of a provider says: for how long, and what it is about. Headers first, then
// the words of the body, in any JSON or none. What is not clear is not guessed: no duration is no hint, and
// the scope is then the backend. Pure; linear in the first 8 KiB of the body.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/clock.hpp"
#include "wire/http_head.hpp"

namespace headworks::dialect {

// What is limited.
enum class LimitScope : std::uint8_t {
  backend,  // this key or account; also when nothing is said
  model,    // this model on it
  address,  // our address, whatever the key
  quota,    // the account's money or its allowance of a day is used up
};
std::string_view name_of(LimitScope scope);

enum class LimitSource : std::uint8_t { none, header, body };

struct LimitReading {
  std::optional<base::Duration> after;  // may be zero or negative for a date in the past
  LimitSource source = LimitSource::none;
  LimitScope scope = LimitScope::backend;
};

// `body`: as far as it was read. `wall`: our clock, for dates when the answer has none of its own.
LimitReading read_limit(const wire::Fields& fields, std::string_view body, base::WallTime wall);

}  // namespace headworks::dialect
