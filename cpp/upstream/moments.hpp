// Moments in the forms that providers write them, for headers: Retry-After, reset times, Date.
#pragma once

#include <string>
#include <string_view>

#include "base/clock.hpp"

namespace headworks::upstream {

std::string format_http_date(base::WallTime at);  // RFC 9110: Sun, 06 Nov 1994 08:49:37 GMT

// Replaces ${http_date+7}, ${rfc850+7}, ${asctime+7}, ${rfc3339+7}, ${epoch+7}, ${epoch_ms+7} by the moment
// so many seconds after `now`. What is not of this form stays as it is.
std::string expand_moments(std::string_view text, base::WallTime now);

}  // namespace headworks::upstream
