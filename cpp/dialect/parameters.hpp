// Parameters of a request body that a mapping sets or drops: top-level members of the JSON object. Every other
// byte of a kept member stays as it came. Pure.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "json/json_reader.hpp"

namespace headworks::dialect {

struct Parameter {
  std::string_view name;
  std::string_view value_json;
};

// `body` with the members of `drop` and `set` taken out, and those of `set` written at its end; json::kPadding
// readable bytes stand behind it. `body` is a JSON object with such bytes behind it. Kind invalid_json.
base::Result<std::string> change_parameters(json::JsonReader& reader, std::string_view body,
                                            std::span<const Parameter> set, std::span<const std::string> drop);

}  // namespace headworks::dialect
