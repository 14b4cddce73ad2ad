// The answers of GET /v1/models and /v1/models/{id}, in the shape of either dialect (Anthropic's when the
// request has an anthropic-version). Appends JSON to a string.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "dialect/routes.hpp"

namespace headworks::dialect {

// The part of the list that a request asks for (Anthropic API reference, "List models"): at most `limit`
// names, behind `after_id` or right before `before_id`. Without a limit: all of them.
struct ModelsPage {
  std::size_t limit = 1000;  // 1 to 1000
  std::string after_id = {};
  std::string before_id = {};
};

// Reads a request's query, without the `?`. What cannot be read is as if it were not there.
ModelsPage read_models_page(std::string_view query);

// `names` sorted, each once. `created`: Unix seconds, the same for all (the catalog has no dates of models).
// OpenAI's list has no pages and is always whole.
void write_models(Dialect dialect, std::span<const std::string> names, std::int64_t created, std::string& out,
                  const ModelsPage& page = {});
void write_model(Dialect dialect, std::string_view name, std::int64_t created, std::string& out);

}  // namespace headworks::dialect
