// The table `backends` (seed contract): rows in, rows out, keys sealed on the way in. Its functions run
// inside a job of the writer, or on a reader; they never decide who may do what. Throws StorageFailure. Must
// not know: threads, snapshots, audit.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.hpp"
#include "catalog/rows.hpp"
#include "store/sqlite.hpp"
#include "vault/sealer.hpp"

namespace headworks::store {

// The fields that an update may change; what is not there stays (seed contract, "update some fields", and
// ours).
struct BackendUpdates {
  std::optional<std::string> name, label, api_base_url, pool, source;
  std::optional<catalog::Api> api;
  std::optional<double> timeout_seconds;
  std::optional<std::uint32_t> rpm_limit, tpm_limit, max_in_flight, weight;
  std::optional<bool> enabled;
  std::optional<catalog::BackendStatus> status;
  std::optional<std::optional<std::string>> cooldown_until;  // the inner none: null
  std::optional<std::int64_t> consecutive_429_count;
  std::optional<std::string> metadata_json;
  std::optional<std::vector<catalog::ModelMapping>> model_mappings;
  base::Secret api_key_plain;  // empty: the key stays
};

// The JSON door: an object by column names (`metadata` and `model_mappings` as objects, `api_key_plain`).
// Unknown fields are not applied; a known one of the wrong type is an error of kind invalid_configuration.
base::Result<BackendUpdates> parse_backend_updates(std::string_view json);

struct PoolStats {
  std::string pool;
  std::int64_t total = 0, enabled = 0, healthy = 0, cooling = 0, error = 0;
};

enum class Keys : std::uint8_t { closed, opened };

class BackendsTable {
 public:
  // Both must outlive the table.
  BackendsTable(Connection& db, const vault::Sealer& sealer) : db_(db), sealer_(sealer) {}

  std::optional<catalog::Backend> find(std::string_view id, Keys keys);
  std::optional<catalog::Backend> find_by_name(std::string_view name, Keys keys);
  // One pool: oldest first; all (no pool): by pool, then oldest first.
  std::vector<catalog::Backend> list(std::optional<std::string_view> pool, bool enabled_only, Keys keys);

  // Writes the whole row; a non-empty api_key is sealed and its hint kept. REQUIRES an id, a name and both
  // times. Kind conflict when the newest master key may seal no more; so do update and reseal.
  base::Result<void> insert(catalog::Backend& row);
  // Overwrites every column of row.id but created_at. An empty api_key keeps the stored one, sealed anew when
  // the origin has changed and it can be opened. False when there is no such row.
  base::Result<bool> update(catalog::Backend& row);
  bool remove(std::string_view id);
  bool set_status(std::string_view id, catalog::BackendStatus status, std::string_view now);
  bool set_cooldown(std::string_view id, std::string_view until, std::int64_t count, std::string_view now);
  bool clear_cooldown(std::string_view id, std::string_view now);
  // A cooldown that the data plane began: not for a backend that was disabled by hand.
  void begin_cooldown(std::string_view id, std::string_view until, std::int64_t count);
  // The end of a row of 429 answers.
  void end_cooldown(std::string_view id);
  // What was cooling until `now` or before is healthy again; the count of 429 answers stays. How many there
  // were.
  int end_expired_cooldowns(std::string_view now);

  std::vector<PoolStats> pool_stats();

  // Seals up to `limit` keys anew that are not sealed with the newest master key (or not at all: written before there
  // was encryption). Nothing else of their rows changes. Once none is left, keys in clear
  // are not read any more. REQUIRES a transaction.
  struct Resealed {
    std::uint32_t count = 0;
    std::uint32_t left = 0;               // that can be opened and are still to do
    std::vector<std::string> unreadable;  // names of those that no master key of the ring opens
  };
  base::Result<Resealed> reseal(std::uint32_t limit);
  // How many keys are sealed with each master key; kid 0: clear ones.
  std::map<std::uint32_t, std::uint32_t> count_by_master_key();

 private:
  catalog::Backend read_row(const Query& row, Keys keys);
  base::Result<std::string> sealed_key(const catalog::Backend& row);
  base::Result<base::Secret> open(std::string_view id, std::string_view origin, std::string_view sealed);
  base::Result<std::string> seal(std::string_view id, std::string_view origin, const base::Secret& clear);

  Connection& db_;
  const vault::Sealer& sealer_;
};

// Overlays the updates on a row; an api_key_plain becomes the row's api_key.
void apply_updates(const BackendUpdates& updates, catalog::Backend& row);

// prefix + 16 random characters of base 62.
std::string make_id(std::string_view prefix);

// The dialect, also by the names that other tools give it ("openai-completions", "anthropic-messages").
std::optional<catalog::Api> find_api_alias(std::string_view name);

bool is_json_object(std::string_view text);

}  // namespace headworks::store
