// Dates as other people write them, read without a locale: HTTP's (RFC 9110 section 5.6.7) and RFC 3339's.
// What is not exactly one of them is none. Pure.
#pragma once

#include <optional>
#include <string_view>

#include "base/clock.hpp"

namespace headworks::wire {

// An HTTP date: IMF-fixdate, RFC 850 or asctime. Names of days are not compared with the date.
std::optional<base::WallTime> parse_http_date(std::string_view text);

// "2026-01-31T09:30:00Z", also with a fraction and with an offset. Years 1970 to 2200: others are no answer
// to "when".
std::optional<base::WallTime> parse_rfc3339(std::string_view text);

}  // namespace headworks::wire
