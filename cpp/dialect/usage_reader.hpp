// Token usage out of what an upstream says, in both dialects and all their routes. Tolerant: what is not
// there is not counted, and a count is never made up.
//
// Sources: OpenAI API reference, objects "chat completion", "completion", "embedding list", "response";
// Anthropic API reference, "Messages" (input_tokens excludes cached ones there; base::Usage includes them).
#pragma once

#include <string_view>

#include "base/usage.hpp"

namespace headworks::dialect {

// Adds to `usage` what the last "usage" object in `text` says; false when there is none. `text` is a complete
// JSON answer, the end of one, or an event's data. Costs a backward search and one pass over that one small object.
// Does not set usage.source.
bool read_usage(std::string_view text, base::Usage& usage);

}  // namespace headworks::dialect
