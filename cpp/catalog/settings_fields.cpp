// The table of settings. Every limit has a name, a default (rows.hpp), bounds and a meaning.
#include "catalog/field.hpp"
#include "vault/envelope.hpp"

namespace headworks::catalog {
namespace {

namespace json = boost::json;

constexpr Bounds kCount{0, 1'000'000'000};
constexpr Bounds kMilliseconds{0, 3'600'000};
constexpr Bounds kSeconds{0.001, 86'400};
constexpr Bounds kWait{0, 86'400};
constexpr Bounds kPercent{0, 100};
constexpr Bounds kDays{0, 36'500};

const Field<Settings::Retry> kRetry[] = {
    {"max_attempts",
     &Settings::Retry::max_attempts,
     "upstream calls for one request; counts the first one",
     {1, 100}},
    {"backoff_base_ms", &Settings::Retry::backoff_base_ms, "the first wait between two attempts",
     kMilliseconds},
    {"backoff_cap_ms", &Settings::Retry::backoff_cap_ms, "the longest wait between two attempts",
     kMilliseconds},
    {"budget_percent", &Settings::Retry::budget_percent, "retries that may fail, of all successes of the pool",
     kPercent},
};
const Field<Settings::Cooldown> kCooldown[] = {
    {"base_seconds", &Settings::Cooldown::base_seconds, "after the first 429 without a hint; doubles",
     kSeconds},
    {"cap_seconds", &Settings::Cooldown::cap_seconds, "the longest cooldown without a hint", kSeconds},
    {"hint_cap_seconds", &Settings::Cooldown::hint_cap_seconds, "the longest cooldown by the upstream's hint",
     kSeconds},
    {"jitter_percent", &Settings::Cooldown::jitter_percent, "spread of cooldowns without a hint", kPercent},
    {"failures", &Settings::Cooldown::failures,
     "failures in a row that take a backend out (one that did not connect counts twice); 0: never", kCount},
    {"failure_window_seconds", &Settings::Cooldown::failure_window_seconds, "within which they must fall",
     kSeconds},
    {"eject_seconds", &Settings::Cooldown::eject_seconds, "how long it is out the first time; doubles", kSeconds},
    {"quarantine_seconds", &Settings::Cooldown::quarantine_seconds,
     "how long a key rests that its upstream did not accept", kSeconds},
    {"ramp_seconds", &Settings::Cooldown::ramp_seconds, "slow start after a cooldown", kSeconds},
};
const Field<Settings::Timeouts> kTimeouts[] = {
    {"connect_seconds", &Settings::Timeouts::connect_seconds, "until an upstream is connected, TLS included",
     kSeconds},
    {"first_byte_seconds", &Settings::Timeouts::first_byte_seconds, "until an upstream's first byte",
     kSeconds},
    {"idle_seconds", &Settings::Timeouts::idle_seconds, "between two reads of an upstream's answer",
     kSeconds},
    {"total_seconds", &Settings::Timeouts::total_seconds, "one exchange, all attempts", kSeconds},
    {"head_seconds", &Settings::Timeouts::head_seconds, "a client's request head", kSeconds},
    {"body_idle_seconds", &Settings::Timeouts::body_idle_seconds, "between two reads of a client's body",
     kSeconds},
    {"keep_alive_seconds", &Settings::Timeouts::keep_alive_seconds, "an idle client connection", kSeconds},
    {"upstream_idle_seconds", &Settings::Timeouts::upstream_idle_seconds, "an idle upstream connection",
     kWait},
    {"write_seconds", &Settings::Timeouts::write_seconds, "a client, or an upstream, that does not read", kSeconds},
    {"drain_seconds", &Settings::Timeouts::drain_seconds, "running exchanges at a stop", kWait},
};
const Field<Settings::Queue> kQueue[] = {
    {"max_wait_seconds", &Settings::Queue::max_wait_seconds, "the longest wait for a free backend", kWait},
    {"max_depth", &Settings::Queue::max_depth, "requests waiting for a free backend", kCount},
};
const Field<Settings::Buckets> kBuckets[] = {
    {"margin_ms", &Settings::Buckets::margin_ms, "added to a bucket's window of 60 s, against network jitter",
     kMilliseconds},
};
const Field<Settings::Limits> kLimits[] = {
    {"body_bytes", &Settings::Limits::body_bytes, "one request body", {1024, 1'073'741'824}},
    {"head_bytes", &Settings::Limits::head_bytes, "one message head", {1024, 1'048'576}},
    {"header_count", &Settings::Limits::header_count, "fields of one head", {8, 1000}},
    {"json_depth", &Settings::Limits::json_depth, "nesting of a JSON body", {8, 1024}},
    {"body_bytes_per_second", &Settings::Limits::body_bytes_per_second,
     "of a request body on average, once timeouts.head_seconds have passed; 0: any", {0, 1'000'000}},
    {"body_memory_bytes", &Settings::Limits::body_memory_bytes,
     "memory of all request bodies together; who finds no room gets 503 and retry-after", {1'048'576, 1e12}},
    {"large_body_bytes", &Settings::Limits::large_body_bytes,
     "a body above it gets 503 already when large_body_percent of body_memory_bytes are held", {0, 1'073'741'824}},
    {"large_body_percent", &Settings::Limits::large_body_percent, "see large_body_bytes; 100: no such stage", {1, 100}},
    {"connections", &Settings::Limits::connections, "client connections at the same time", {1, 1'000'000}},
};
const Field<Settings::Stream> kStream[] = {
    {"ping_seconds", &Settings::Stream::ping_seconds, "a comment line into a silent stream; 0: none", kWait},
};

const Special<Settings::Crypto> kAlg{
    .parse =
        [](const json::value& value, const std::string& path, Reading& reading, Settings::Crypto& row) {
          if (auto name = parse_choice(value, vault::algorithm_names(), path, reading.problems)) row.alg = *std::move(name);
        },
    .check =
        [](const Settings::Crypto& row, const std::string& path, std::vector<Problem>& problems) {
          parse_choice(json::string(row.alg), vault::algorithm_names(), path, problems);
        },
    .format = [](const Settings::Crypto& row) -> json::value { return json::string(row.alg); },
    .schema = [] { return schema_of_choice(vault::algorithm_names()); }};
const Field<Settings::Crypto> kCrypto[] = {
    {"alg", kAlg,
     "what provider keys are sealed with from now on (a CPU without AES always takes xchacha20); both are always read"},
};

const Field<Settings::Retention> kRetention[] = {
    {"exchanges_days", &Settings::Retention::exchanges_days, "rows of the ledger, one per attempt; 0: for ever", kDays},
    {"minutes_days", &Settings::Retention::minutes_days, "usage summed by minute; 0: for ever", kDays},
    {"hours_days", &Settings::Retention::hours_days, "usage summed by hour; 0: for ever (by day it is always kept)",
     kDays},
};

const Field<Settings::Probation> kProbation[] = {
    {"minutes", &Settings::Probation::minutes,
     "how long a change of the configuration is on probation; 0: it is not", {0, 60}},
    {"worse_percent", &Settings::Probation::worse_percent,
     "when failures grow by so many points in the pools that it touched, it is undone", {1, 100}},
    {"least_requests", &Settings::Probation::least_requests, "requests before anything is said of it", {1, 1'000'000}},
};

const Field<Settings::Admin> kAdmin[] = {
    {"hosts", &Settings::Admin::hosts,
     "names with a dot, blanks between them, that the admin listener answers to (addresses and plain names it always "
     "does)",
     {0, 4096}},
};

// A group of settings is an object of its own; what it does not name keeps its value.
template <auto Member, auto& Table>
constexpr auto kGroup = [] {
  using Group = std::remove_cvref_t<decltype(Settings{}.*Member)>;
  return Special<Settings>{
      .parse = [](const json::value& value, const std::string& path, Reading& reading,
                  Settings& settings) { parse_fields<Group>(value, Table, path, reading, settings.*Member); },
      .check =
          [](const Settings& settings, const std::string& path, std::vector<Problem>& problems) {
            check_fields<Group>(settings.*Member, Table, path, problems);
          },
      .format = [](const Settings& settings) -> json::value {
        return format_fields<Group>(settings.*Member, Table, View::admin);
      },
      .schema = [] { return schema_of_fields<Group>(Table); }};
}();

const Field<Settings> kSettings[] = {
    {"retry", kGroup<&Settings::retry, kRetry>, "how often and when a failed attempt is repeated"},
    {"cooldown", kGroup<&Settings::cooldown, kCooldown>, "how long a backend rests after a 429 or failures"},
    {"timeouts", kGroup<&Settings::timeouts, kTimeouts>, "how long anything may take"},
    {"queue", kGroup<&Settings::queue, kQueue>, "waiting for a free backend"},
    {"buckets", kGroup<&Settings::buckets, kBuckets>, "rate limits of backends"},
    {"limits", kGroup<&Settings::limits, kLimits>, "how large anything may be"},
    {"stream", kGroup<&Settings::stream, kStream>, "streamed answers"},
    {"crypto", kGroup<&Settings::crypto, kCrypto>, "provider keys at rest"},
    {"retention", kGroup<&Settings::retention, kRetention>, "how long history is kept"},
    {"probation", kGroup<&Settings::probation, kProbation>, "undoing a change that makes things worse"},
    {"admin", kGroup<&Settings::admin, kAdmin>, "the admin listener"},
    {"route_headers", &Settings::route_headers, "x-headworks-* on answers"},
};

}  // namespace

Fields<Settings> settings_fields() { return kSettings; }

}  // namespace headworks::catalog
