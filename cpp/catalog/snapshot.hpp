// Snapshot: the immutable, indexed view of all configuration that a request holds from start to end.
// Immutable after construction: readable from every thread without locks. The gauges that hang off it are
// atomics. Must not know: SQL, sockets, who publishes it.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "catalog/mapping_settings.hpp"
#include "catalog/rows.hpp"
#include "catalog/secret_finder.hpp"
#include "gauges/backend_gauge.hpp"
#include "gauges/client_gauge.hpp"
#include "gauges/origin_gauge.hpp"
#include "gauges/retry_budget.hpp"
#include "gauges/spend_hold.hpp"
#include "wire/url.hpp"

namespace headworks::catalog {

// One backend as the request path sees it. Address-stable for the snapshot's life.
struct BackendEntry {
  Backend row;
  wire::Url url;                                // parsed api_base_url; empty when the backend is not enabled
  base::Secret request_lines;                   // host and credential, as header lines of every request
  std::uint32_t index = 0;                      // dense, for per-backend arrays
  std::shared_ptr<gauges::BackendGauge> gauge;  // never null
  std::shared_ptr<gauges::OriginGauge> origin;  // never null; shared by the backends of one origin
  std::uint32_t siblings = 1;                   // usable backends of that origin, this one among them
  std::vector<MappingSettings> mapping_settings;  // by position in row.model_mappings
  bool usable() const {
    return row.enabled && row.status != BackendStatus::disabled && row.key_state != KeyState::unreadable;
  }
};

struct ClientKeyEntry {
  ClientKey row;
  base::WallTime expires_at = base::WallTime::max();  // of row.expires_at; max: never
  std::vector<gauges::SpendLimit> budgets;            // of row.budgets
  std::shared_ptr<gauges::ClientGauge> gauge;         // never null
  bool allows(std::string_view model) const;
};

// One way to serve a model: this backend, under this name.
struct Target {
  const BackendEntry* backend = nullptr;
  std::string model = {};            // as the backend calls it; empty: send as it came
  std::uint32_t context_tokens = 0;  // 0: unknown
  const Price* price = nullptr;      // what this backend takes for it; null: unknown
  const MappingSettings* settings = nullptr;  // null: the mapping says nothing more
  std::uint64_t model_hash = 1;               // of `model`, never 0
};

// Tells models apart in gauges; never 0.
inline std::uint64_t model_hash(std::string_view model) { return std::hash<std::string_view>{}(model) | 1; }

// One pool's targets for a model.
struct Tier {
  const Pool* pool = nullptr;
  gauges::RetryBudget* retries = nullptr;  // the pool's; never null in a snapshot's route
  std::vector<Target> targets;
};

// All ways to serve a model in one dialect, best tier first. Empty tiers do not appear. Value; its pointers
// live as long as the snapshot it came from.
struct Route {
  std::vector<Tier> tiers;
  bool empty() const { return tiers.empty(); }
};

class Snapshot {
 public:
  // The whole snapshot, or the first reason why these rows cannot become one (a URL that does not parse, a
  // pool that does not exist, two backends of one name, ...). A backend that is not enabled may have a URL
  // that does not parse, so that one bad row (of an import) can be parked and does not stop everything else.
  // Gauges are carried over from `previous` (null: none) by id; a changed rpm_limit or margin gives a new
  // bucket that keeps the recent starts.
  static base::Result<std::shared_ptr<const Snapshot>> build(Rows rows, const Snapshot* previous);

  Snapshot(const Snapshot&) = delete;
  Snapshot& operator=(const Snapshot&) = delete;

  std::uint64_t revision() const { return rows_.revision; }
  const Settings& settings() const { return rows_.settings; }
  const std::vector<Pool>& pools() const { return rows_.pools; }
  const std::vector<Price>& prices() const { return rows_.prices; }
  std::span<const BackendEntry> backends() const { return backends_; }
  std::span<const ClientKeyEntry> client_keys() const { return client_keys_; }
  const std::vector<AdminToken>& admin_tokens() const { return rows_.admin_tokens; }
  const BackendEntry* find_backend(std::string_view id_or_name) const;

  // Lookup by full digest; the candidate is compared in constant time. Null when unknown, expired, or rotated
  // away for longer than the overlap. O(1), no allocation.
  const ClientKeyEntry* find_client_key(const KeyDigest& digest, base::WallTime now) const;

  // The price row of a canonical model: its own name before patterns, the longest literal part first; null:
  // none.
  const Price* find_price(std::string_view model) const;

  // All targets for `model` among the backends that speak `api`, in pool order, then row order. Within one
  // backend an exact mapping wins over a wildcard, a longer literal part over a shorter one; no mappings at
  // all = every model under its own name. Empty model: every usable backend of the dialect. Allocates;
  // callers keep the result per snapshot.
  Route make_route(Api api, std::string_view model) const;

  // The clear provider keys, to be masked where somebody repeats them.
  const SecretFinder& secrets() const { return secrets_; }

  // Whether a mapping or a price row stands for exactly this model. O(1).
  bool names(std::string_view model) const { return model_names_.contains(model); }

  // The model names to list: canonical names of usable backends, without wildcards, sorted, each once.
  std::vector<std::string> listed_models() const;

 private:
  explicit Snapshot(Rows rows) : rows_(std::move(rows)) {}
  std::optional<base::Error> index_pools(const Snapshot* previous);
  std::optional<base::Error> take_backends(const Snapshot* previous);
  std::optional<base::Error> take_client_keys(const Snapshot* previous);
  std::optional<base::Error> index_backend(BackendEntry& entry, const Snapshot* previous);
  std::optional<base::Error> index_digests();
  void index_model_names();
  void join_origins(const Snapshot* previous);
  const ClientKeyEntry* find_client_key_by_id(std::string_view id) const;

  Rows rows_;  // backends and keys are moved out into the entries
  std::vector<BackendEntry> backends_;
  SecretFinder secrets_;  // points into backends_
  std::vector<ClientKeyEntry> client_keys_;
  std::unordered_map<std::string_view, std::uint32_t> pool_positions_;
  std::vector<std::vector<std::uint32_t>> backends_by_pool_;  // in pool order
  std::vector<std::shared_ptr<gauges::RetryBudget>> retry_budgets_;  // in pool order
  std::unordered_map<std::string_view, std::uint32_t> backend_ids_, backend_names_;
  std::unordered_map<std::string_view, std::uint32_t> client_key_ids_;
  std::unordered_set<std::string_view> model_names_;  // of mappings and prices, without those that hold a `*`
  struct Credential {
    KeyDigest digest{};
    std::uint32_t key = 0;  // in client_keys_
    base::WallTime until = base::WallTime::max();
  };
  std::vector<Credential> credentials_;
  // Open addressing over credentials_, at most half full; kFree marks an empty place. The digests are keyed
  // hashes, so nobody can choose where they fall.
  static constexpr std::uint32_t kFree = ~std::uint32_t{0};
  std::vector<std::uint32_t> digest_places_;
};

}  // namespace headworks::catalog
