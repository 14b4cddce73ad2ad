// CatalogWriter: the only way in which configuration changes. One transaction: the rows, an audit row for
// each, a new revision; the whole new snapshot is built from what the transaction sees; only what builds is
// committed, and what is committed is published. A broken catalog cannot be committed.
//
// Lives on the writer thread: everything here runs inside one of its jobs. Must not know: who asked, HTTP.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "catalog/catalog.hpp"
#include "store/admin_tokens_table.hpp"
#include "store/audit_table.hpp"
#include "store/backends_table.hpp"
#include "store/client_keys_table.hpp"
#include "store/cooldowns_table.hpp"
#include "store/pools_table.hpp"
#include "store/settings_table.hpp"
#include "vault/client_key.hpp"
#include "vault/sealer.hpp"

namespace headworks::store {

// What changed: one line of a difference, one row of the audit.
struct Edit {
  std::string action;  // "backend.create", "pool.update", "setting.delete", ...
  std::string target;  // the name
  std::optional<std::string> before_json, after_json;  // never a secret
  bool operator==(const Edit&) const = default;
};

// All tables over one connection, and the edits made through them.
struct CatalogTables {
  CatalogTables(Connection& connection, const vault::Sealer& sealer, const vault::ClientKeyHasher& key_hasher,
                base::WallTime at);

  BackendsTable backends;
  PoolsTable pools;
  ClientKeysTable client_keys;
  SettingsTable settings;
  PricesTable prices;
  CooldownsTable cooldowns;
  AdminTokensTable admin_tokens;
  AuditTable audit;
  const vault::ClientKeyHasher& hasher;
  base::WallTime wall;
  std::string now;  // UTC text of `wall`
  std::vector<Edit> edits;

  // Everything that a snapshot is built from, with clear keys where they can be read.
  catalog::Rows read_rows();
};

// The answer of a change. Revision 0: none was made yet.
template <class T>
struct Changed {
  T value;
  std::uint64_t revision = 0;
};

class CatalogWriter {
 public:
  // All must outlive the writer.
  CatalogWriter(const vault::Sealer& sealer, const vault::ClientKeyHasher& hasher, const base::Clock& clock)
      : sealer_(sealer), hasher_(hasher), clock_(clock) {}

  // From now on every change is published there, and gauges are carried over from there.
  void publish_to(catalog::Catalog* catalog) { catalog_ = catalog; }
  // Publishes what the file says, if another process has made another revision of it.
  base::Result<void> publish_latest(Connection& db);
  // Closed: another process makes the changes from now on, and every change here is refused (kind draining).
  void set_closed(bool closed) { closed_ = closed; }

  // Runs `body(CatalogTables&)`, which answers a Result. What it did is kept if it answered a value and the
  // catalog still builds; without edits there is no new revision. `if_revision`: kind stale_revision unless it is
  // the current one. A trial undoes everything in the end.
  struct Options {
    std::string actor = "store";
    std::optional<std::uint64_t> if_revision = std::nullopt;
    bool trial = false;
  };
  template <class Body>
  auto change(Connection& db, const Options& options, Body body)
      -> base::Result<Changed<typename std::invoke_result_t<Body&, CatalogTables&>::value_type>> {
    if (closed_) return handed_over();
    Transaction transaction(db);
    CatalogTables tables(db, sealer_, hasher_, clock_.wall());
    std::uint64_t revision = tables.audit.latest_revision();
    if (options.if_revision && *options.if_revision != revision) return stale(revision);
    auto value = body(tables);
    if (!value) return std::move(value).error();
    catalog::Catalog::SnapshotPtr snapshot;
    if (!tables.edits.empty()) {
      auto built = record(tables, revision + 1, options.actor);
      if (!built) return std::move(built).error();
      snapshot = *std::move(built);
      ++revision;
    }
    if (!options.trial) {
      transaction.commit();
      if (snapshot && catalog_ != nullptr) catalog_->publish(std::move(snapshot));
    }
    return Changed<typename std::invoke_result_t<Body&, CatalogTables&>::value_type>{*std::move(value),
                                                                                     revision};
  }

 private:
  static base::Error stale(std::uint64_t revision);
  static base::Error handed_over();
  // Writes audit and revision, builds the snapshot.
  base::Result<catalog::Catalog::SnapshotPtr> record(CatalogTables& tables, std::uint64_t revision,
                                                     const std::string& actor);

  const vault::Sealer& sealer_;
  const vault::ClientKeyHasher& hasher_;
  const base::Clock& clock_;
  catalog::Catalog* catalog_ = nullptr;
  bool closed_ = false;
};

}  // namespace headworks::store
