// Which API call a request is, and what a healthy provider answers to it: bodies, error bodies, streams.
// The shapes are those of the public OpenAI and Anthropic API references.
// Must not know: scripts, faults, framing, sockets.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "upstream/request_reader.hpp"

namespace headworks::upstream {

enum class Route : std::uint8_t {
  chat,
  completions,
  responses,
  embeddings,
  moderations,
  rerank,
  messages,
  count_tokens,
  models,
  model,
  anthropic_models,
  other
};

// Decided by the end of the path (whatever the base URL is) and, for models, by `anthropic-version`.
Route route_of(const Request& request);
bool is_anthropic(const Request& request, Route route);
// Routes whose answer is a stream when the body says `stream: true`.
bool can_stream(Route route);

// What an answer says. Views must outlive the call.
struct Content {
  std::string_view model;    // the inside of a JSON string
  std::string_view text;     // plain text
  std::uint64_t number = 0;  // goes into the ids
  std::uint64_t input_tokens = 0;
  std::uint64_t output_tokens = 0;
  std::uint64_t cached_tokens = 0;
  bool usage = true;
};

// A whole JSON answer of the route; `other` echoes method and target.
std::string answer_body(Route route, const Request& request, const Content& content);
// The error body that the route's provider sends with this status.
std::string error_body(bool anthropic, std::uint16_t status);

// A stream in the route's shape: opening events, then the text in pieces, each between prefix and suffix
// (inside of a JSON string), then the closing events. All in bytes of SSE, with the empty line at the end of
// each event.
struct StreamText {
  std::string opening;
  std::string event_prefix;
  std::string event_suffix;
  std::string final_event;  // finish_reason, message_stop, response.completed with what precedes them
  std::string usage_event;  // of its own in chat and completions, else part of final_event
  std::string done;         // data: [DONE], where the route has it
};
StreamText stream_text(Route route, const Content& content);

// The inside of a JSON string.
void append_escaped(std::string& out, std::string_view text);

}  // namespace headworks::upstream
