// A performance: what one connection does to answer one request, as a list of parts played in order. Every
// fault is a list of parts like any other. Composed from an Answer of the script and the request at hand.
// Must not know: sockets, clocks, the loop.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "base/clock.hpp"
#include "upstream/body_glance.hpp"
#include "upstream/event_stream.hpp"
#include "upstream/request_reader.hpp"
#include "upstream/route.hpp"
#include "upstream/script.hpp"

namespace headworks::upstream {

struct WritePart {
  std::string bytes;
};
struct PausePart {
  base::Duration time;
};
struct DripPart {
  std::string bytes;
  std::size_t step = 1;
  base::Duration every;
};
struct StreamPart {
  EventStream stream;
};
struct HangPart {};
using Part = std::variant<WritePart, PausePart, DripPart, StreamPart, HangPart>;

enum class After : std::uint8_t {
  keep,         // the connection takes the next request
  close,        // FIN, and what still comes is read and dropped
  reset,        // RST
  stale_close,  // keep; FIN when the next request has come
  stale_reset
};

struct Performance {
  std::vector<Part> parts;
  After after = After::keep;
  bool cut = false;  // the answer is not whole, by intention
  std::uint16_t status = 0;
};

struct Occasion {
  const Request& request;
  const BodyGlance& glance;
  Route route = Route::other;
  std::uint64_t number = 0;
  base::WallTime now;
};

Performance compose(const Answer& answer, const Occasion& occasion);

// A JSON answer without any script: the control API and refusals.
Performance compose_json(std::uint16_t status, std::string body, const std::vector<HeaderLine>& headers,
                         bool close);

}  // namespace headworks::upstream
