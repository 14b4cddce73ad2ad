// What the upstream wants to know of a request's JSON body: one pass over the top level, no tree, no
// allocation but for the model's name. Lenient: what is not JSON yields nothing.
#pragma once

#include <string>
#include <string_view>

namespace headworks::upstream {

struct BodyGlance {
  std::string model;  // the JSON string's inside, escapes left as they are: it goes back into JSON
  bool stream = false;
  bool include_usage = false;  // stream_options.include_usage
};

BodyGlance glance_at(std::string_view body);

}  // namespace headworks::upstream
