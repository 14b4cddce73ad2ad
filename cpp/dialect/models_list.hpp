// The answers of GET /v1/models and /v1/models/{id}, in the shape of either dialect (Anthropic's when the request has
// an anthropic-version). Appends JSON to a string.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "dialect/routes.hpp"

namespace headworks::dialect {

// `names` sorted, each once. `created`: Unix seconds, the same for all (the catalog has no dates of models).
void write_models(Dialect dialect, std::span<const std::string> names, std::int64_t created, std::string& out);
void write_model(Dialect dialect, std::string_view name, std::int64_t created, std::string& out);

}  // namespace headworks::dialect
