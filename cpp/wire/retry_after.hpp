// When an upstream says that it may be asked again.
//
// In this order: retry-after-ms (what OpenAI's SDKs read first); retry-after (RFC 9110 section 10.2.3:
// seconds, here also with a fraction, or a date in one of its three forms); else the latest reset of a limit
// of which nothing remains: x-ratelimit-reset[-*] with x-ratelimit-remaining[-*] (OpenAI, Groq, NVIDIA:
// "6m0s", "12ms", plain seconds; OpenRouter: Unix seconds or milliseconds; without the x- in the IETF's
// draft) and anthropic-ratelimit-*-reset (RFC 3339) with anthropic-ratelimit-*-remaining. What cannot be read
// is no hint; clamping is the caller's. Pure.
#pragma once

#include <optional>
#include <string_view>

#include "base/clock.hpp"
#include "wire/http_head.hpp"

namespace headworks::wire {

// `wall` is used for dates when the answer has no Date field of its own (the upstream's clock against itself
// is better than against ours). May be zero or negative for a date in the past. Nothing longer than a year.
std::optional<base::Duration> find_retry_after(const Fields& fields, base::WallTime wall);

// How long until a limit's reset: "6m0s", "1h2m3.5s", "12ms"; a plain number is seconds, or, when it is too
// large for that, Unix seconds or milliseconds; or an RFC 3339 date.
std::optional<base::Duration> parse_reset(std::string_view text, base::WallTime now);

}  // namespace headworks::wire
