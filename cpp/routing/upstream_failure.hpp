// What went wrong with one attempt, and THE table that says what follows from it. No other switch on failure
// classes exists. Value types. Must not know: HTTP messages, dialects (they classify), the plan (it obeys).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/clock.hpp"
#include "base/error.hpp"

namespace headworks::routing {

enum class FailureClass : std::uint8_t {
  connect,                     // no connection: refused, unreachable, name not found, TLS, connect clock
  reset,                       // the connection broke before the answer was complete enough to commit to
  timeout_first_byte,          // silent past its first-byte clock
  timeout_idle,                // began to answer, then silent past its idle clock, before the commit point
  timeout_total,               // the attempt's whole time is up
  malformed,                   // not HTTP, or not what was asked for
  html_instead,                // 200 with a web page: a captive portal, a firewall
  status_429,                  // rate limited
  status_auth,                 // 401, 403: our key is at fault, not the client's
  status_408_409,              // transient by the providers' own SDKs
  status_5xx,                  // 500 to 599, also 529 (overloaded)
  client_error,                // every other 4xx: the client's own
  stream_error_before_commit,  // 200, then an error event first
  count_                       // number of classes; not a class
};

// Where a hint about the time of the next try came from.
enum class HintSource : std::uint8_t { header, body };

struct RetryHint {
  base::Duration after{};  // as the upstream said; may be zero or negative for a date in the past
  HintSource source = HintSource::header;
};

struct UpstreamFailure {
  FailureClass failure = FailureClass::connect;
  std::uint16_t status = 0;  // 0: no answer
  std::optional<RetryHint> retry_hint = std::nullopt;
  // The upstream's answer is a well-formed error of the dialect and still at hand: it may become the
  // client's.
  bool answer_at_hand = false;
};

// What cools after a failure of this class.
enum class Cools : std::uint8_t {
  nothing,
  backend,  // for as long as the cooldown rule says
};

struct FailureRow {
  FailureClass failure;
  std::string_view name;    // in logs, metrics, explain
  bool next_backend;        // another backend may do better
  bool same_backend_again;  // transient: a tier's only backend is asked once more
  Cools cools;
  bool relay_answer;         // the upstream's own error answer is the best one to give, if it is at hand
  base::ErrorKind kind;      // of the exchange, when this was its last failure
  std::string_view message;  // safe to show
};

const FailureRow& row_of(FailureClass failure);
inline std::string_view name_of(FailureClass failure) { return row_of(failure).name; }

// The class that an upstream's status alone gives; none for 2xx. A redirect is `malformed`: upstreams of an
// API have no business sending one, and following it would carry the key elsewhere.
std::optional<FailureClass> find_failure_class(std::uint16_t status);

}  // namespace headworks::routing
