// RouteTable: one loop's view of the current snapshot, made ready for requests: for each backend its endpoint, for each
// model asked for its route. What a request takes from here it keeps to its end, also when a new snapshot has come
// meanwhile.
//
// Loop-owned; what it hands out is immutable but for the strategies' atomics.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "catalog/snapshot.hpp"
#include "net/upstream_client.hpp"
#include "routing/route_state.hpp"

namespace headworks::gateway {

// The snapshot, and where this loop finds its backends.
struct LoopCatalog {
  explicit LoopCatalog(std::shared_ptr<const catalog::Snapshot> from);
  const net::Endpoint& endpoint(const catalog::BackendEntry& backend) const { return endpoints[backend.index]; }
  std::shared_ptr<const catalog::Snapshot> snapshot;
  std::vector<net::Endpoint> endpoints;  // by BackendEntry::index
};

// The ways to serve one model. Holds what it points into.
struct ModelRoute {
  ModelRoute(std::shared_ptr<const LoopCatalog> from, catalog::Api api, std::string_view name, catalog::Route route);
  // Some of `other`'s targets, to be asked in the order in which they stand.
  ModelRoute(const ModelRoute& other, catalog::Route ordered);
  std::shared_ptr<const LoopCatalog> catalog;
  std::string model;        // as asked for; empty: none was named
  std::string shown;        // the same for people: somebody may name a key as the model
  std::size_t masked = 0;   // how many secrets are left out of it
  bool named = false;       // the catalog says this name itself: no client invented it
  std::uint64_t lane = 0;   // where requests for it wait: the same on every loop, after every change
  routing::RouteState state;
};

class RouteTable {
 public:
  explicit RouteTable(std::shared_ptr<const catalog::Snapshot> snapshot) { set_snapshot(std::move(snapshot)); }

  void set_snapshot(std::shared_ptr<const catalog::Snapshot> snapshot);
  const std::shared_ptr<const LoopCatalog>& catalog() const { return catalog_; }

  // Null when no backend of this dialect serves `model`.
  std::shared_ptr<const ModelRoute> find(catalog::Api api, std::string_view model);

 private:
  // Clients choose the names (under a wildcard), so the table is bounded; a full one starts again.
  static constexpr std::size_t kMaxRoutes = 4096;
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  using Routes = std::unordered_map<std::string, std::shared_ptr<const ModelRoute>, Hash, std::equal_to<>>;

  std::shared_ptr<const LoopCatalog> catalog_;
  Routes routes_[2];  // by catalog::Api
};

}  // namespace headworks::gateway
