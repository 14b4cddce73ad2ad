// Store: headworks.db behind one object: the nine operations of the seed contract, the edits of the admin
// API, apply, bootstrap and cooldowns. It can be opened on its own, without a running server (Python's
// headworks.Store).
//
// Thread-safe. Everything but the post_* calls blocks until the writer thread has answered: not for event
// loops. Must not know: HTTP, sockets, the usage ledger.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "store/catalog_edits.hpp"
#include "store/database_thread.hpp"
#include "vault/key_ring.hpp"

namespace headworks::store {

class Store {
 public:
  struct Options {
    std::string path;                            // headworks.db
    std::shared_ptr<const vault::KeyRing> keys;  // never null
    const base::Clock* clock = nullptr;          // null: the system's; must outlive the store
    std::chrono::milliseconds busy_timeout{5000};
    bool migrates = true;  // false: a file of another version is refused
  };

  // Opens, checks and migrates; makes the file if there is none. Kind storage_failed with a sentence that
  // names the file; a damaged file is left as it is. Another master key than the one the rows were sealed
  // with is not an error here (see master_key_fits).
  static base::Result<std::unique_ptr<Store>> open(Options options);
  // Runs what is queued, then closes the file.
  ~Store();

  // False when the database was sealed with another master key: keys then read as unreadable, and writing one
  // is refused with kind key_unreadable. The server does not start then (exit 4).
  bool master_key_fits() const { return master_key_fits_; }
  const vault::ClientKeyHasher& key_hasher() const { return hasher_; }

  // The nine operations (seed contract), under the sidecar's names. They make revisions like every other
  // change.
  base::Result<catalog::Backend> create_backend(catalog::Backend backend);
  base::Result<std::optional<catalog::Backend>> get_backend(std::string id, bool decrypt_key = true);
  base::Result<std::vector<catalog::Backend>> list_backends(std::optional<std::string> pool = std::nullopt,
                                                            bool enabled_only = false,
                                                            bool decrypt_key = false);
  // The row without its clear key; none when there is no such row.
  base::Result<std::optional<catalog::Backend>> update_backend(std::string id, BackendUpdates updates);
  base::Result<bool> delete_backend(std::string id);
  base::Result<bool> set_backend_status(std::string id, catalog::BackendStatus status);
  base::Result<bool> set_backend_cooldown(std::string id, std::string cooldown_until, std::int64_t count);
  base::Result<bool> clear_backend_cooldown(std::string id);
  base::Result<std::vector<PoolStats>> get_pool_stats();

  // Everything that a snapshot is built from, with clear keys where they can be read.
  base::Result<catalog::Rows> read_rows();

  // From now on every change is published to `catalog`, and gauges are carried over from it. Null: not any
  // more. The catalog must outlive the store, or be taken away first.
  void publish_to(catalog::Catalog* catalog);
  // What another process has changed until now is published too. REQUIRES publish_to().
  base::Result<void> publish_latest();
  // From a call with true to one with false every change is refused (kind draining): another process makes them. Those
  // that came before are done when it returns. Cooldowns are written as ever.
  void set_closed(bool closed);

  // One change: `body(CatalogTables&) -> Result<T>`, see CatalogWriter::change and catalog_edits.hpp.
  template <class Body>
  auto change(CatalogWriter::Options options, Body body) {
    return writer_->run(
        [this, &options, &body](Connection& db) { return catalog_writer_.change(db, options, body); });
  }
  // The same, answered by `done(Result<Changed<T>>)` on the writer thread; for event loops. False when the
  // queue is full.
  template <class Body, class Done>
  bool post_change(CatalogWriter::Options options, Body body, Done done) {
    return writer_->post([this, options = std::move(options), body = std::move(body)](
                             Connection& db) mutable { return catalog_writer_.change(db, options, body); },
                         std::move(done));
  }
  // A question: `body(CatalogTables&) -> T`; no change of another falls into it.
  template <class Body>
  auto ask(Body body) {
    return writer_->run([this, &body](Connection& db) { return body(*tables_on(db)); });
  }
  template <class Body, class Done>
  bool post_ask(Body body, Done done) {
    return writer_->post(
        [this, body = std::move(body)](Connection& db) mutable { return body(*tables_on(db)); },
        std::move(done));
  }

  // The document as one change by `origin` (a file's name, "admin"); the difference and the revision after
  // it. A trial changes nothing.
  base::Result<Changed<std::vector<Edit>>> apply(catalog::Configuration configuration, std::string origin,
                                                 bool trial = false);

  // The rotation of master keys, online. Each answers how things stand afterwards. add and drop rewrite the key file at
  // `path` first, whole and synced: a crash leaves a ring that opens everything. rewrap seals up to `limit` provider
  // keys anew with the newest master key; what is done stays done. drop: kind conflict while a key still needs it.
  // None waits; false when the queue is full.
  struct MasterKeys {
    struct Key {
      std::uint32_t kid = 0;
      std::uint32_t sealed = 0;  // provider keys that need it
      std::int64_t seals = 0;    // how often it has sealed: at most kMaxSeals
    };
    std::string origin;       // where the ring came from
    std::string_view algorithm;  // of new seals
    std::vector<Key> keys;    // oldest first; new seals take the last
    std::uint32_t clear = 0;  // provider keys that were never sealed
    std::uint32_t rewrapped = 0;          // by this call
    std::vector<std::string> unreadable;  // backends whose key no master key opens
  };
  using MasterKeysDone = std::function<void(base::Result<MasterKeys>)>;
  bool post_master_keys(MasterKeysDone done);
  bool post_add_master_key(std::string path, MasterKeysDone done);
  bool post_rewrap(std::uint32_t limit, MasterKeysDone done);
  bool post_drop_master_key(std::string path, std::uint32_t kid, MasterKeysDone done);

  // Cooldowns of the data plane outlive the process. Neither waits: for event loops. False when the queue is
  // full (the gauge still cools; only a restart would forget it).
  bool post_cooldown(CooldownRow row);
  bool post_recovered(std::string backend_id, std::optional<std::string> model = std::nullopt);
  // The column `status` of backends whose cooldown is over says healthy again; how many there were. For the
  // server, at its start and now and then: the store by itself changes no row.
  base::Result<int> end_expired_cooldowns();
  // What still runs now: for the gauges at a start.
  base::Result<std::vector<CooldownRow>> running_cooldowns();

 private:
  Store(Options options);
  base::Result<bool> check_master_key();
  std::unique_ptr<CatalogTables> tables_on(Connection& db);
  base::Result<void> expect_sealing() const;
  MasterKeys master_keys_on(Connection& db);
  void ensure_check(Connection& db);

  const base::SystemClock system_clock_;
  const base::Clock& clock_;
  vault::Sealer sealer_;  // used on the writer thread only
  const vault::ClientKeyHasher hasher_;
  bool master_key_fits_ = true;
  CatalogWriter catalog_writer_;          // used on the writer thread only
  std::unique_ptr<DatabaseThread> writer_;  // last: its jobs use everything above
};

}  // namespace headworks::store
