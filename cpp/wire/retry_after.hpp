// When an upstream says that it may be asked again: retry-after (RFC 9110 section 10.2.3: seconds, here also with a
// fraction, or a date in one of its three forms) and retry-after-ms (what OpenAI's SDKs read first).
// What cannot be read is no hint; clamping is the caller's. Pure.
#pragma once

#include <optional>
#include <string_view>

#include "base/clock.hpp"
#include "wire/http_head.hpp"

namespace headworks::wire {

// `wall` is used for dates when the answer has no Date field of its own (the upstream's clock against itself is
// better than against ours). May be zero or negative for a date in the past.
std::optional<base::Duration> find_retry_after(const Fields& fields, base::WallTime wall);

// An HTTP date: IMF-fixdate, RFC 850 or asctime.
std::optional<base::WallTime> parse_http_date(std::string_view text);

}  // namespace headworks::wire
