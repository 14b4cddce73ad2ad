// What a programmable upstream is told to do: the script, as values.
//
// A script is JSON: an object (all members optional), or a bare list of rules.
//
//   {"rules": [RULE...],
//    "rate_limit": {"rpm": 40, "window": "fixed" | "sliding" | "bucket", "seconds": 60},
//        per API key; over it: 429 with retry-after and retry-after-ms. "seconds" is the length of the window
//        in which `rpm` requests are accepted (60). fixed: windows follow one another from the key's first
//        request; sliding: at most rpm in any window; bucket: starts full, refills evenly.
//    "journal": {"entries": 2000, "body_bytes": 65536} | false,
//    "accept": {"do": "close" | "reset" | "hang" | "stall", "times": 3}}
//        what happens to connections before a byte is read; stall: the backlog is full, so connecting itself
//        hangs. "times" (all connections when absent) does not apply to stall.
//
// Rules are tried in order. The first whose conditions hold answers; no rule: the route's default answer.
//
//   conditions   "method": "POST", "path": "/v1/chat" (prefix), "key": "sk-1", "model": "m",
//                "nth": 3 (only the third request for which the others hold),
//                "every": 10 (each tenth of them), "times": 2 (then it falls through)
//   limit        "rate_limit": as above, for this rule alone
//   which answer (at most one of; none: the route's own, a stream when the request asks for one)
//                "json": any document, "body": "text", "body_base64": "...", or
//                "raw": "HTTP/1.1 200 OK\r\n..." | "raw_base64": everything, head included, as it is
//   its shape    "status": 200 (an error body of the dialect when >= 400),
//                "headers": {"name": "value" | [values]},
//                "text": "what the model says", "usage": {"input": 9, "output": 12, "cached": 0},
//                "send_usage": "asked" | "always" | "never", "ids": "counted" | "fixed",
//                "framing": "length" | "chunked" | "close", "extra": "bytes after the end",
//                "close": "announced" | "silent" (after the answer, with or without Connection: close)
//     A header value may hold ${http_date+7}, ${rfc850+7}, ${asctime+7}, ${rfc3339+7}, ${epoch+7},
//     ${epoch_ms+7}: the moment so many seconds from now (negative: before).
//   its pace     "delay_ms": 100 (before the head), "interim": [100, 103] (sent before the head),
//                "early": true (answers at the head, before the request's body is read; "model" cannot be
//                matched), "drip": {"bytes": 1, "every_ms": 20, "head": false}
//   its stream   "stream": {"events": 20, "event_bytes": 200, "per_second": 50 (0: as fast as possible),
//                "first_event_ms": 0, "final": true, "done": true, "stamp": false, "always": false}
//     final: the event that carries finish_reason, message_stop, response.completed; done: `data: [DONE]`;
//     always: also when the request does not ask for a stream; stamp: see stamp.hpp.
//   its end      "fault": {"at": "request" | "head" | "body" | "event",
//                          "do": "close" | "reset" | "hang" | "end", "after": n}
//     request: nothing is answered; head, body: after n bytes of it (half when absent; of a stream's body
//     always half); event: after n events of a stream; end: a clean end of a stream's body that comes too
//     soon. With raw: after n bytes, or all of it.
//                "stale": "close" | "reset": the connection stays, and goes away when its next request comes.
//
// Must not know: sockets, threads.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace headworks::upstream {

struct HeaderLine {
  std::string name;
  std::string value;
};

enum class Window : std::uint8_t { fixed, sliding, bucket };

struct RateLimit {
  std::uint32_t rpm = 0;
  Window window = Window::sliding;
  base::Duration period = std::chrono::seconds(60);
};

struct JournalBounds {
  std::size_t entries = 2'000;  // 0: off
  std::size_t body_bytes = 65'536;
};

enum class AcceptAction : std::uint8_t { serve, close, reset, hang, stall };

struct Accept {
  AcceptAction action = AcceptAction::serve;
  std::optional<std::uint64_t> times;
};

enum class FaultPlace : std::uint8_t { request, head, body, event };
// How an answer ends. `end`: as if it were complete.
enum class Cut : std::uint8_t { close, reset, hang, end };

struct Fault {
  FaultPlace at = FaultPlace::request;
  Cut how = Cut::reset;
  std::optional<std::uint64_t> after;
};

struct StreamShape {
  std::optional<std::uint32_t> events;  // absent: one per word of the text
  std::uint32_t event_bytes = 0;        // 0: as long as the text makes it
  double per_second = 0;
  std::chrono::milliseconds first_event{0};
  bool final_event = true;
  bool done = true;
  bool stamp = false;
  bool always = false;
};

struct Drip {
  std::uint32_t bytes = 1;
  std::chrono::milliseconds every{20};
  bool head = false;
};

struct TokenCounts {
  std::uint64_t input = 0;
  std::uint64_t output = 0;
  std::uint64_t cached = 0;
};

enum class SendUsage : std::uint8_t { asked, always, never };
enum class Framing : std::uint8_t { length, chunked, close };
enum class CloseAfter : std::uint8_t { keep, announced, silent };
enum class Stale : std::uint8_t { no, close, reset };

struct Answer {
  std::uint16_t status = 200;
  std::vector<HeaderLine> headers;
  std::optional<std::string> body;  // json, body, body_base64
  std::optional<std::string> raw;
  std::string content_type;  // of `body`
  std::optional<std::string> text;
  std::optional<TokenCounts> usage;
  SendUsage send_usage = SendUsage::asked;
  bool counted_ids = true;
  Framing framing = Framing::length;
  std::string extra;
  CloseAfter close = CloseAfter::keep;
  std::chrono::milliseconds delay{0};
  std::vector<std::uint16_t> interim;
  bool early = false;
  std::optional<Drip> drip;
  StreamShape stream;
  std::optional<Fault> fault;
  Stale stale = Stale::no;
};

struct Rule {
  std::string method;  // empty conditions match everything
  std::string path;
  std::string key;
  std::string model;
  std::uint64_t nth = 0;    // 0: every one
  std::uint64_t every = 1;  // each so-many-th
  std::uint64_t times = 0;  // 0: without end
  std::optional<RateLimit> limit;
  Answer answer;
};

struct Script {
  std::vector<Rule> rules;
  std::optional<RateLimit> limit;
  JournalBounds journal;
  Accept accept;
};

// Reads a script. Kind invalid_configuration, with the JSON path of what is wrong and what is allowed there.
base::Result<Script> parse_script(std::string_view json);

}  // namespace headworks::upstream
