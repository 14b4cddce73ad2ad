// The form in which rows hold moments: UTC, "YYYY-MM-DDTHH:MM:SSZ" (seed contract). Text and value, nothing
// else.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"

namespace headworks::catalog {

// Whole seconds, rounded down. REQUIRES a year from 0000 to 9999.
std::string format_utc(base::WallTime at);

// Exactly that form and a real date, or none. Fractions, offsets and lower case are refused.
std::optional<base::WallTime> parse_utc(std::string_view text);

}  // namespace headworks::catalog
