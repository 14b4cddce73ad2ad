// The one table of data routes: which dialect a path speaks, what its body must say, how its stream ends.
// Source: section 4 of the surface. Immutable. Must not know: backends, sockets.
#pragma once

#include <cstdint>
#include <string_view>

namespace headworks::dialect {

enum class Dialect : std::uint8_t { openai, anthropic };

// What answers a route.
enum class Endpoint : std::uint8_t {
  forward,  // a backend
  models,   // we do: the list
  model,    // we do: one of it
};

// The shape of a route's server-sent events.
enum class StreamShape : std::uint8_t { none, chat, completions, responses, messages };

struct RouteRow {
  std::string_view method;  // "" : any
  std::string_view path;    // exact, or a prefix when it ends with '/'
  std::string_view name;    // for metrics and logs: a bounded set
  Dialect dialect = Dialect::openai;
  Endpoint endpoint = Endpoint::forward;
  bool model_required = false;
  bool metered = true;  // takes from buckets and budgets
  StreamShape stream = StreamShape::none;
};

// The row for a request under /v1/; never null for such a path (the last row takes any). Null for other
// paths.
const RouteRow* find_route(std::string_view method, std::string_view path);

}  // namespace headworks::dialect
