#include "store/store.hpp"

#include "catalog/utc_time.hpp"

namespace headworks::store {
namespace {

using base::ErrorKind;
using base::fail;
using base::Result;
using catalog::Backend;

// The part of a change's answer that the nine operations promise.
template <class T>
Result<T> value_of(Result<Changed<T>> changed) {
  if (!changed) return std::move(changed).error();
  return std::move(changed->value);
}

CatalogWriter::Options by_store() { return {.actor = "store", .if_revision = std::nullopt, .trial = false}; }

}  // namespace

Store::Store(Options options)
    : clock_(options.clock == nullptr ? static_cast<const base::Clock&>(system_clock_) : *options.clock),
      sealer_(options.keys),
      hasher_(options.keys->pepper()),
      catalog_writer_(sealer_, hasher_, clock_) {}

Store::~Store() = default;

Result<std::unique_ptr<Store>> Store::open(Options options) {
  std::unique_ptr<Store> store{new Store(options)};
  auto writer = DatabaseThread::start({.path = options.path,
                                     .database = Database::catalog,
                                     .busy_timeout = options.busy_timeout,
                                     .now = store->clock_.wall(),
                                     .migrates = options.migrates});
  if (!writer) return std::move(writer).error();
  store->writer_ = *std::move(writer);
  const Result<bool> fits = store->check_master_key();
  if (!fits) return fits.error();
  store->master_key_fits_ = *fits;
  return store;
}

// Each master key leaves a sealed constant behind, so that another key is told from a damaged row.
Result<bool> Store::check_master_key() {
  return writer_->run([this](Connection& db) {
    bool known = false, opens = false, newest = false;
    for (Query found = db.query("SELECT kid, sealed FROM master_key_checks"); found.next();) {
      known = true;
      if (!sealer_.opens(found.text(1))) continue;
      opens = true;
      newest |= found.integer(0) == static_cast<std::int64_t>(sealer_.keys().newest());
    }
    if (known && !opens) return false;
    if (!newest) ensure_check(db);
    return true;
  });
}

Result<void> Store::expect_sealing() const {
  if (master_key_fits_) return {};
  return fail(ErrorKind::key_unreadable,
              "this database was sealed with another master key; nothing is sealed until that key is back");
}

std::unique_ptr<CatalogTables> Store::tables_on(Connection& db) {
  return std::make_unique<CatalogTables>(db, sealer_, hasher_, clock_.wall());
}

void Store::publish_to(catalog::Catalog* catalog) {
  const auto set = writer_->run([this, catalog](Connection&) { catalog_writer_.publish_to(catalog); });
  set.value();
}

Result<void> Store::publish_latest() {
  return writer_->run([this](Connection& db) { return catalog_writer_.publish_latest(db); });
}

void Store::set_closed(bool closed) {
  const auto set = writer_->run([this, closed](Connection&) { catalog_writer_.set_closed(closed); });
  set.value();
}

Result<Backend> Store::create_backend(Backend backend) {
  if (!backend.api_key.empty())
    if (const auto sealing = expect_sealing(); !sealing) return sealing.error();
  return value_of(change(
      by_store(), [&](CatalogTables& tables) { return store::create_backend(tables, std::move(backend)); }));
}

Result<std::optional<Backend>> Store::get_backend(std::string id, bool decrypt_key) {
  return ask([&](CatalogTables& tables) {
    return tables.backends.find(id, decrypt_key ? Keys::opened : Keys::closed);
  });
}

Result<std::vector<Backend>> Store::list_backends(std::optional<std::string> pool, bool enabled_only,
                                                  bool decrypt_key) {
  return ask([&](CatalogTables& tables) {
    return tables.backends.list(pool ? std::optional<std::string_view>(*pool) : std::nullopt, enabled_only,
                                decrypt_key ? Keys::opened : Keys::closed);
  });
}

Result<std::optional<Backend>> Store::update_backend(std::string id, BackendUpdates updates) {
  if (!updates.api_key_plain.empty())
    if (const auto sealing = expect_sealing(); !sealing) return sealing.error();
  return value_of(
      change(by_store(), [&](CatalogTables& tables) { return store::update_backend(tables, id, updates); }));
}

Result<bool> Store::delete_backend(std::string id) {
  return value_of(
      change(by_store(), [&](CatalogTables& tables) { return store::delete_backend(tables, id); }));
}

Result<bool> Store::set_backend_status(std::string id, catalog::BackendStatus status) {
  return value_of(
      change(by_store(), [&](CatalogTables& tables) { return store::set_backend_status(tables, id, status); }));
}

Result<bool> Store::set_backend_cooldown(std::string id, std::string cooldown_until, std::int64_t count) {
  const auto until = catalog::parse_utc(cooldown_until);
  if (!until || count < 0)
    return fail(ErrorKind::invalid_configuration,
                "a cooldown needs a UTC time (2026-01-31T09:30:00Z) and a count from 0");
  return value_of(change(by_store(), [&](CatalogTables& tables) {
    return store::cool_backend(tables, id, {.until = *until, .consecutive = count});
  }));
}

Result<bool> Store::clear_backend_cooldown(std::string id) {
  return value_of(
      change(by_store(), [&](CatalogTables& tables) { return store::clear_backend(tables, id); }));
}

Result<std::vector<PoolStats>> Store::get_pool_stats() {
  return ask([](CatalogTables& tables) { return tables.backends.pool_stats(); });
}

Result<catalog::Rows> Store::read_rows() {
  return ask([](CatalogTables& tables) { return tables.read_rows(); });
}

Result<Changed<std::vector<Edit>>> Store::apply(catalog::Configuration configuration, std::string origin,
                                                bool trial) {
  if (const auto sealing = expect_sealing(); !sealing) return sealing.error();
  return change({.actor = std::move(origin), .if_revision = std::nullopt, .trial = trial},
                [&](CatalogTables& tables) { return apply_configuration(tables, std::move(configuration)); });
}

bool Store::post_cooldown(CooldownRow row) {
  return writer_->post(
      [this, row = std::move(row)](Connection& db) {
        Transaction transaction(db);
        const auto tables = tables_on(db);
        tables->cooldowns.end(row.backend_id, row.model, row.started);
        tables->cooldowns.add(row);
        if (!row.model)
          tables->backends.begin_cooldown(row.backend_id, catalog::format_utc(row.until), row.consecutive);
        transaction.commit();
      },
      [](const Result<void>&) {});
}

bool Store::post_recovered(std::string backend_id, std::optional<std::string> model) {
  return writer_->post(
      [this, id = std::move(backend_id), model = std::move(model)](Connection& db) {
        Transaction transaction(db);
        const auto tables = tables_on(db);
        tables->cooldowns.end(id, model, tables->wall);
        if (!model) tables->backends.end_cooldown(id);
        transaction.commit();
      },
      [](const Result<void>&) {});
}

Result<int> Store::end_expired_cooldowns() {
  return ask([](CatalogTables& tables) { return tables.backends.end_expired_cooldowns(tables.now); });
}

Result<std::vector<CooldownRow>> Store::running_cooldowns() {
  return ask([](CatalogTables& tables) { return tables.cooldowns.running(tables.wall); });
}

}  // namespace headworks::store
