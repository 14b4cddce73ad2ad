// The query of a request target, and percent-encoding (RFC 3986, section 2.1; WHATWG forms for `+`). Pure text.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace headworks::wire {

enum class Plus : std::uint8_t { stays, is_blank };

// None when a % is not followed by two hexadecimal digits, or the result holds a control character.
std::optional<std::string> decode_percent(std::string_view text, Plus plus);

// "a=1&b=x%20y" (what follows the `?`) as pairs, in order; a name without `=` has an empty value. None when a
// part cannot be decoded.
using QueryPairs = std::vector<std::pair<std::string, std::string>>;
std::optional<QueryPairs> parse_query(std::string_view text);

}  // namespace headworks::wire
