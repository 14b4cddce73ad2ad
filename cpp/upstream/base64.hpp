// Base64 (RFC 4648, section 4) for bodies that are not text. The decoder is strict but for missing padding.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace headworks::upstream {

std::string format_base64(std::string_view bytes);
std::optional<std::string> parse_base64(std::string_view text);

// Whether the bytes can stand in a JSON string as they are: well-formed UTF-8 (RFC 3629).
bool is_utf8(std::string_view bytes);

}  // namespace headworks::upstream
