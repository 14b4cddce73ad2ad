// Our own errors in the words of a dialect: as an answer's body and headers, and as an event in a running
// stream. Shapes: OpenAI `{"error":{message,type,param,code}}`, Anthropic
// `{"type":"error","error":{type,message},"request_id"}`. Appends to strings. Must not know: sockets, who is
// at fault.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "dialect/routes.hpp"
#include "wire/head_writer.hpp"

namespace headworks::dialect {

std::uint16_t status_of(Dialect dialect, base::ErrorKind kind);

// Writes the body, and the fields that tell a client what to do next: content-type, x-should-retry,
// retry-after (rounded up to seconds) and retry-after-ms (exact), www-authenticate, allow.
void write_error(Dialect dialect, const base::Error& error, std::string_view request_id,
                 wire::HeadWriter& head, std::string& body);

// The event that ends a broken stream, in the shape of its route: never followed by [DONE] or message_stop.
void append_stream_error(StreamShape shape, const base::Error& error, std::string_view request_id,
                         std::string& out);

// retry-after and retry-after-ms. A wait of zero still says 1 ms.
void write_retry_after(wire::HeadWriter& head, std::chrono::nanoseconds wait);

}  // namespace headworks::dialect
