// What went wrong with one attempt, and THE table that says what follows from it. No other switch on failure
// classes exists. Value types. Must not know: HTTP messages, dialects (they classify), the plan (it obeys).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "dialect/limit_reading.hpp"

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
  context_too_long,            // 400: the request does not fit the model's context there
  content_filter,              // 400: the upstream's policy refused the content; that is the answer
  client_error,                // every other 4xx: the client's own
  stream_error_before_commit,  // 200, then an error event first
  count_                       // number of classes; not a class
};

// Where the duration of a cooldown came from.
enum class DurationSource : std::uint8_t { header, body, formula, hand, hook };
std::string_view name_of(DurationSource source);

// When the upstream wants to be asked again.
struct RetryHint {
  base::Duration after{};  // as it said; may be zero or negative for a date in the past
  dialect::LimitSource source = dialect::LimitSource::header;
};

struct UpstreamFailure {
  FailureClass failure = FailureClass::connect;
  std::uint16_t status = 0;  // 0: no answer
  std::optional<RetryHint> retry_hint = std::nullopt;
  dialect::LimitScope scope = dialect::LimitScope::backend;  // of a 429
  // The upstream's answer is a well-formed error of the dialect and still at hand: it may become the
  // client's.
  bool answer_at_hand = false;
  // False: the time that the client gave was too short, which says nothing about the upstream.
  bool blames_upstream = true;

  DurationSource source() const;  // of the cooldown that follows
};

// What cools after a failure of this class.
enum class Cools : std::uint8_t {
  nothing,          // it is alive
  as_limited,       // what was limited, for as long as the upstream or the formula says
  as_failing,       // the backend, when that happens often enough in a row
  as_unreachable,   // the same, but each time counts twice
  as_unauthorized,  // the backend's key, until somebody changes it, or for long
};

struct FailureRow {
  FailureClass failure;
  std::string_view name;    // in logs, metrics, explain
  bool next_backend;        // another backend may do better
  bool larger_context;      // ... but only one with a larger context
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
