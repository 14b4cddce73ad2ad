// Snapshot: the immutable, indexed view of all configuration that a request holds from start to end.
// Immutable after construction: readable from every thread without locks. The gauges that hang off it are atomics.
// Must not know: SQL, sockets, who publishes it.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.hpp"
#include "catalog/rows.hpp"
#include "gauges/backend_gauge.hpp"
#include "wire/url.hpp"

namespace headworks::catalog {

// One backend as the request path sees it. Address-stable for the snapshot's life.
struct BackendEntry {
  Backend row;
  wire::Url url;                                   // parsed api_base_url
  std::uint32_t index = 0;                         // dense, for per-backend arrays
  std::shared_ptr<gauges::BackendGauge> gauge;     // never null
  bool usable() const { return row.enabled && row.status != BackendStatus::disabled && row.key_state != KeyState::unreadable; }
};

struct ClientKeyEntry {
  ClientKey row;
  bool allows(std::string_view model) const;
};

// One way to serve a model: this backend, under this name.
struct Target {
  const BackendEntry* backend = nullptr;
  std::string model;                 // as the backend calls it
  std::uint32_t context_tokens = 0;  // 0: unknown
};

// One pool's targets for a model.
struct Tier {
  const Pool* pool = nullptr;
  std::vector<Target> targets;
};

// All ways to serve a model in one dialect, best tier first. Empty tiers do not appear. Value; its pointers live as
// long as the snapshot it came from.
struct Route {
  std::vector<Tier> tiers;
  bool empty() const { return tiers.empty(); }
};

class Snapshot {
 public:
  // The whole snapshot, or the first reason why these rows cannot become one (a URL that does not parse, a pool that
  // does not exist, two backends of one name, ...). Gauges are carried over from `previous` by backend id; a changed
  // rpm_limit or margin gives a new bucket that keeps the recent starts.
  static base::Result<std::shared_ptr<const Snapshot>> build(Rows rows, const Snapshot* previous);

  std::uint64_t revision() const { return rows_.revision; }
  const Settings& settings() const { return rows_.settings; }
  const std::vector<Pool>& pools() const { return rows_.pools; }
  std::span<const BackendEntry> backends() const { return backends_; }
  std::span<const ClientKeyEntry> client_keys() const { return client_keys_; }
  const BackendEntry* find_backend(std::string_view id_or_name) const;

  // Lookup by full digest, compared in constant time. Null when unknown. O(1), no allocation.
  const ClientKeyEntry* find_client_key(const KeyDigest& digest) const;

  // All targets for `model` among the backends that speak `api`: exact mappings before wildcards before
  // "empty mapping = every model". Empty model: every usable backend of the dialect, sent without a model.
  // Allocates; callers keep the result per snapshot.
  Route make_route(Api api, std::string_view model) const;

  // The model names to list for `api` (no wildcards), sorted, each once.
  std::vector<std::string> listed_models() const;

 private:
  Snapshot() = default;
  Rows rows_;  // backends and keys are moved out into the entries
  std::vector<BackendEntry> backends_;
  std::vector<ClientKeyEntry> client_keys_;
};

}  // namespace headworks::catalog
