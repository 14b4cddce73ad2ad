// The rows of the catalog as plain values: what the configuration file, the admin API, the store and the
// Python face all mean by a backend, a pool, a client key and the settings. Field names are the column names,
// the JSON names and the Python names.
//
// Value types; no behaviour beyond small questions about themselves. Must not know: SQL, HTTP, sockets.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.hpp"

namespace headworks::catalog {

// The wire dialect of an upstream (column `api`).
enum class Api : std::uint8_t { openai, anthropic };
std::string_view name_of(Api api);
std::span<const std::string_view> api_names();
std::optional<Api> find_api(std::string_view name);

// Column `status` of a backend.
enum class BackendStatus : std::uint8_t { healthy, cooling, error, disabled };
std::string_view name_of(BackendStatus status);
std::span<const std::string_view> backend_status_names();
std::optional<BackendStatus> find_backend_status(std::string_view name);

// canonical -> what this backend calls the model. `canonical` and `model` may each hold one `*`.
struct ModelMapping {
  std::string canonical;
  std::string model;
  std::uint32_t context_tokens = 0;  // 0: unknown
  std::string extra_json = "{}";     // the mapping object's other fields, kept as they came
};

// Clocks of one backend or one mapping, in seconds; 0: the settings' own.
struct Clocks {
  double connect_seconds = 0;
  double write_seconds = 0;
  double first_byte_seconds = 0;
  double idle_seconds = 0;
  double total_seconds = 0;
};

// How a backend's sealed key was read.
enum class KeyState : std::uint8_t {
  none,        // the backend has no key
  readable,    // opened, or not asked for
  unreadable,  // sealed with another master key or damaged: the backend is out of every plan
};
std::string_view name_of(KeyState state);

struct Backend {
  std::string id;  // "bkd_..."
  std::string name;
  std::string label;
  std::string api_base_url;
  base::Secret api_key;  // clear; filled in only when asked for
  std::string api_key_hint;
  KeyState key_state = KeyState::none;
  Api api = Api::openai;
  double timeout_seconds = 120;  // total; timeouts.total_seconds wins
  Clocks timeouts;
  std::uint32_t rpm_limit = 0;
  std::uint32_t tpm_limit = 0;
  std::uint32_t max_in_flight = 0;
  std::uint32_t weight = 1;
  std::string pool = "primary";
  bool enabled = true;
  BackendStatus status = BackendStatus::healthy;
  std::vector<ModelMapping> model_mappings;   // empty: every model under its own name
  std::string source = "admin";               // admin | file | import | demo | ...
  std::optional<std::string> cooldown_until;  // UTC, YYYY-MM-DDTHH:MM:SSZ
  std::int64_t consecutive_429_count = 0;
  std::string metadata_json = "{}";
  std::string created_at;  // UTC, YYYY-MM-DDTHH:MM:SSZ
  std::string updated_at;

  Backend copy() const;  // explicit, because of the key
};

// What column `strategy` of a pool may hold: the names in routing's table of strategies, which stands above
// the catalog (a test there holds the two together).
std::span<const std::string_view> strategy_names();

struct Pool {
  std::string name;
  std::string strategy = "weighted";
  double patience_seconds = 0;
  std::string sticky_by = "client_key";  // client_key | header:NAME | prompt
  std::int64_t position = 0;  // the order of the tiers
  std::string source = "admin";
};

// What a budget's window may be.
std::span<const std::string_view> budget_windows();

// Of one thing: money, or tokens, or requests; the others are 0.
struct Budget {
  double usd = 0;
  std::uint64_t tokens = 0;
  std::uint64_t requests = 0;
  std::string window = "day";  // minute | hour | day | month
};

using KeyDigest = std::array<std::uint8_t, 32>;  // keyed BLAKE2b-256 of the client key

struct ClientKey {
  std::string id;  // "key_..."
  std::string name;
  KeyDigest digest{};
  std::string hint;                      // "****abcd"
  KeyDigest previous_digest{};           // of the key before the last rotation: good until then too
  std::optional<std::string> previous_until;  // UTC; none: it is not
  std::vector<std::string> models{"*"};  // patterns with one `*`
  std::uint32_t rpm_limit = 0;
  std::uint32_t tpm_limit = 0;
  std::uint32_t max_in_flight = 0;
  std::vector<Budget> budgets;
  std::uint32_t weight = 1;     // share of a waiting line
  double timeout_seconds = 0;   // of one exchange; 0: the settings' own
  std::optional<std::string> expires_at;  // UTC, YYYY-MM-DDTHH:MM:SSZ
  bool enabled = true;
  std::string source = "admin";
  std::string created_at;
  std::string updated_at;
};

// Who may operate this gateway, besides the token of the data directory. Roles: each may what those before it may.
enum class Role : std::uint8_t { viewer, operator_, admin };
std::string_view name_of(Role role);
std::optional<Role> find_role(std::string_view name);

struct AdminToken {
  std::string id;  // "adm_..."
  std::string name;
  Role role = Role::viewer;
  KeyDigest digest{};
  std::string hint;                       // "****abcd"
  std::optional<std::string> expires_at;  // UTC
  std::string created_at;
};

struct Price {  // USD per million tokens
  std::string model;
  double input = 0;
  double output = 0;
  double cached_input = 0;
  std::string source = "admin";
};

// `settings:` of the configuration. Every limit has a name, a default and a place.
struct Settings {
  struct Retry {
    std::uint32_t max_attempts = 3;  // counts the first one
    std::uint32_t backoff_base_ms = 250;
    std::uint32_t backoff_cap_ms = 5000;
    std::uint32_t budget_percent = 20;
  } retry;
  struct Cooldown {
    double base_seconds = 2;
    double cap_seconds = 300;
    double hint_cap_seconds = 600;
    std::uint32_t jitter_percent = 10;
    std::uint32_t failures = 5;          // in a row; one that did not connect counts twice. 0: never ejected
    double failure_window_seconds = 30;  // within which they must fall
    double eject_seconds = 30;           // the first ejection; doubles up to cap_seconds
    double quarantine_seconds = 600;     // of a key that the upstream does not accept
    double ramp_seconds = 10;            // slow start after a cooldown
  } cooldown;
  struct Timeouts {
    double connect_seconds = 5;
    double first_byte_seconds = 60;
    double idle_seconds = 60;
    double total_seconds = 600;
    double head_seconds = 10;           // a client's request head, from its first byte (or the connection)
    double body_idle_seconds = 30;      // between two reads of a client's request body
    double keep_alive_seconds = 75;     // an idle client connection
    double upstream_idle_seconds = 30;  // an idle pooled upstream connection
    double write_seconds = 60;          // a client, or an upstream, that does not read
    double drain_seconds = 30;          // SIGTERM: running exchanges
  } timeouts;
  struct Queue {
    double max_wait_seconds = 10;
    std::uint32_t max_depth = 1000;
  } queue;
  struct Buckets {
    std::uint32_t margin_ms = 250;
  } buckets;
  struct Limits {
    std::uint64_t body_bytes = 33'554'432;
    std::uint32_t head_bytes = 32'768;
    std::uint32_t header_count = 100;
    std::uint32_t json_depth = 256;
    std::uint32_t connections = 10'000;
    std::uint64_t body_memory_bytes = 268'435'456;  // of all request bodies together, while they are held
    std::uint64_t large_body_bytes = 1'048'576;     // larger ones are refused earlier:
    std::uint32_t large_body_percent = 80;          // when so much of it is held
    std::uint32_t body_bytes_per_second = 240;  // of a client's request body on average, after head_seconds; 0: any
  } limits;
  struct Crypto {
    std::string alg = "aes256gcm";  // vault::algorithm_names()
  } crypto;
  struct Stream {
    double ping_seconds = 10;
  } stream;
  struct Retention {
    std::uint32_t exchanges_days = 30;  // rows of the ledger; 0: for ever
    std::uint32_t minutes_days = 7;     // sums by minute; 0: for ever
    std::uint32_t hours_days = 400;     // sums by hour; 0: for ever. Sums by day are always kept
  } retention;
  struct Probation {
    double minutes = 0;                // how long a change is on probation; 0: it is not
    std::uint32_t worse_percent = 20;  // more failures by so many points, and it is undone
    std::uint32_t least_requests = 20; // before that is said
  } probation;
  struct Admin {
    std::string hosts;  // names, with blanks between, that the admin listener may be called by
  } admin;
  bool route_headers = true;
};

// Everything that a snapshot is built from.
struct Rows {
  std::uint64_t revision = 0;
  Settings settings;
  std::vector<Pool> pools;        // in tier order
  std::vector<Backend> backends;  // with clear keys, where readable
  std::vector<ClientKey> client_keys;
  std::vector<Price> prices;
  std::vector<AdminToken> admin_tokens;
};

// True when `name` matches `pattern`, which holds at most one `*` (any run of characters, also none).
bool matches(std::string_view pattern, std::string_view name);

// `target` with its `*` replaced by what the `*` of `pattern` matched in `name`. REQUIRES matches(pattern,
// name).
std::string substitute(std::string_view pattern, std::string_view target, std::string_view name);

// How well a pattern fits, to choose the best: 0 not at all, a name in full above every wildcard, a longer
// literal part above a shorter one.
std::size_t fit_of(std::string_view pattern, std::string_view name);

// The price of the pattern that fits a model best; null: none does.
const Price* find_best_price(std::span<const Price> prices, std::string_view model);

}  // namespace headworks::catalog
