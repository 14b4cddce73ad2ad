// What crosses between the gateway and plug-ins: the points at which hooks take part, what they are shown, what they
// may answer. Plain values, whole and owned: they outlive the request that they describe. Never a secret, never a
// credential. Must not know: Python, loops, how a decision is carried out.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/clock.hpp"

namespace headworks::hooks {

enum class HookPoint : std::uint8_t {
  admit,     // before routing: reject, or change what is asked
  route,     // before the first attempt: whom to ask, in which order
  failed,    // after a failed attempt: stop, retry, let the backend rest
  finished,  // after the answer: observe
};
inline constexpr std::array<std::string_view, 4> kPointNames = {"admit", "route", "failed", "finished"};
inline std::string_view name_of(HookPoint point) { return kPointNames[static_cast<std::size_t>(point)]; }

// When a hook is late, fails or cannot be asked.
enum class OnError : std::uint8_t {
  ignore,  // the exchange goes on as if the hook had no opinion
  reject,  // the exchange ends: 503, hook_failed
};

// One function of one plug-in.
struct HookRow {
  std::string name;    // "my_company.routing.route": the metrics' label
  std::string plugin;  // the module
  std::string origin = {};  // who named it: entry point, configuration, flag, argument
  HookPoint point = HookPoint::route;
  base::Duration timeout = std::chrono::milliseconds{20};
  OnError on_error = OnError::ignore;
  bool wants_body = false;
};

using Tags = std::map<std::string, std::string>;

// The request as a hook sees it. Immutable once it is shown.
struct RequestView {
  std::string id;
  std::string route;  // "/v1/chat/completions"
  std::string model;  // as asked, or as an earlier hook changed it; empty: none
  bool stream = false;
  std::string client_key;     // its name
  std::string client_key_id;
  std::optional<std::uint64_t> max_tokens;
  std::uint64_t body_bytes = 0;
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case; without credentials and cookies
  Tags tags;                          // what hooks have said about it
  std::optional<double> seconds_left;  // of its deadline, when it was asked
  std::optional<std::string> body;     // only for a hook that wants it
};

// One backend that could serve the request, as it stands at the moment of the question.
struct CandidateView {
  std::string backend;
  std::string pool;
  std::string model;  // as the backend calls it
  double score = 0;   // of the pool's strategy
  std::optional<std::string> out;        // why it is not to be asked now: cooling, bucket, ...; none: free
  std::optional<double> ready_in;        // seconds until it is; none: time alone does not heal it
  std::optional<std::uint32_t> starts_left;  // in its window; none: no limit
  std::uint32_t rpm_limit = 0;           // 0: none
  std::uint32_t in_flight = 0;
  std::uint32_t max_in_flight = 0;       // 0: no limit
  std::optional<double> first_byte_ms;   // lately; none: nobody knows
  std::optional<double> input_price;     // USD per million tokens
  std::optional<double> output_price;
  std::uint32_t context_tokens = 0;      // 0: unknown
  std::uint32_t weight = 1;
  std::string metadata_json = "{}";
};

struct AttemptView {
  std::uint32_t number = 1;
  std::string backend;
  std::string pool;
  std::string model;      // as the backend calls it
  std::uint16_t status = 0;  // the upstream's; 0: no answer
  std::string failure;    // the class: status_429, timeout_first_byte, ...
  double seconds = 0;
};

struct ExchangeView {
  std::string id;
  std::string route;
  std::string model;
  std::string client_key;
  bool stream = false;
  std::uint16_t status = 0;
  std::optional<std::string> error;  // its code
  std::optional<std::string> backend, pool;
  std::uint32_t attempts = 0;
  double seconds = 0;
  double queue_seconds = 0;
  std::optional<double> first_byte_seconds;
  std::uint64_t input_tokens = 0, output_tokens = 0, cached_input_tokens = 0;
  double cost_usd = 0;
};

// Answers. Which of them a point may give: fits().
struct Pass {};  // no opinion
struct Rejection {
  std::uint16_t status = 403;
  std::string message;
  std::optional<base::Duration> retry_after = std::nullopt;
};
struct HeaderChange {
  std::string name;                  // lower case
  std::optional<std::string> value;  // none: it does not go upstream
};
struct Changes {
  std::optional<std::string> model = std::nullopt;
  Tags tags = {};
  std::optional<base::Duration> timeout = std::nullopt;
  std::vector<HeaderChange> headers = {};
};
struct Order {
  std::vector<std::string> backends;  // the only ones to ask, the first one first
};
struct Stop {};   // no further attempt
struct Retry {};  // another attempt, also where this failure usually ends the plan
struct Cool {
  base::Duration duration{};  // the backend rests; the plan goes on
};
struct Failure {
  std::string_view reason;  // late, raised, rubbish, full, breaker, no_worker, too_big. Static: a metric's label
  std::string detail = {};  // for the log
};
using Answer = std::variant<Pass, Rejection, Changes, Order, Stop, Retry, Cool, Failure>;

bool fits(HookPoint point, const Answer& answer);

// What is wrong with an answer's content (sizes, names, numbers); empty: nothing.
std::string find_fault(const Answer& answer);

}  // namespace headworks::hooks
