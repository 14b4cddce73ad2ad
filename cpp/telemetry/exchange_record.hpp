// What one finished exchange leaves behind: handed over exactly once, by value, from a loop to the recorder.
//
// Names are views into the snapshot (and the loop's route table) that `keep_alive` holds, so that a record costs no
// allocation in the common case of at most two attempts. Value type. Must not know: who writes it where.
#pragma once

#include <array>
#include <boost/container/small_vector.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/request_id.hpp"
#include "base/usage.hpp"

namespace headworks::telemetry {

// One upstream call. Durations are from the attempt's start; zero means "did not get there".
struct AttemptRecord {
  std::string_view backend_id;
  std::string_view backend;     // its name
  std::string_view pool;
  std::string_view model_sent;  // as the backend calls it
  std::uint16_t status = 0;     // upstream's status; 0: no answer
  std::optional<base::ErrorKind> error;  // none: this attempt's answer became the client's
  float score = 0;              // why this backend came before others, in the measure of the pool's strategy
  base::Duration started{};     // since the exchange began
  bool reused_connection = false;
  bool sent = false;            // something of the request was
  base::Duration connect{};     // until connected (zero on a reused connection)
  base::Duration first_byte{};  // until the answer's first byte
  base::Duration total{};
  base::Usage usage;
  base::MicroUsd cost;
};

// What was out of the ordinary: somebody was passed over, time was waited, an attempt failed, a hook decided. Most exchanges have
// none of it, and pay nothing for it.
struct PlanStep {
  enum class Kind : std::uint8_t { passed_over, waited, failed, hook };
  Kind kind = Kind::passed_over;
  std::uint8_t attempts_before = 0;  // its place among the attempts; failed: this one
  std::uint32_t count = 1;           // passed_over without a name: so many more for this reason
  std::string_view backend = {};     // passed_over; hook: the hook's name
  std::string_view pool = {};
  std::string_view why = {};         // the reason; waited: backoff, turn; failed: the class; hook: what it did. Static
  float score = 0;                   // passed_over: as of an attempt
  base::Duration lasted{};           // waited; failed: for so long something cools ...
  std::string_view cooled_scope = {};   // ... model, backend or address; empty: nothing. Static
  std::string_view cooled_source = {};  // who said how long: header, body, formula. Static
};

struct ExchangeRecord {
  base::RequestId id;
  base::WallTime started{};
  base::Duration total{};
  base::Duration overhead{};  // total less the time spent waiting for upstreams and for the client's own bytes
  base::Duration queue_wait{};
  std::string_view route;       // "/v1/chat/completions", or "other": a bounded set
  std::string_view client_key_id;
  std::string_view client_key;  // its name
  std::string_view model;       // as asked; empty when none was given or it is unknown
  std::string_view model_label; // the same if the catalog names it, else empty: clients invent names under a wildcard
  bool stream = false;
  std::uint16_t status = 0;     // sent to the client; 499 when it left first
  std::optional<base::ErrorKind> error;
  std::uint64_t revision = 0;   // of the catalog that it was routed and priced by
  std::uint64_t bytes_in = 0;   // request body
  std::uint64_t bytes_out = 0;  // answer body
  boost::container::small_vector<AttemptRecord, 2> attempts;
  std::vector<PlanStep> plan;   // in order; empty when the first backend proposed was free, as usual
  std::array<char, 64> upstream_request_id{};  // NUL-padded; empty when there was none or it was longer
  std::shared_ptr<const void> keep_alive;      // what the views point into
};

}  // namespace headworks::telemetry
