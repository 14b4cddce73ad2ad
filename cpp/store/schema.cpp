#include "store/schema.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdio>

#include "catalog/utc_time.hpp"
#include "store/migrations.hpp"
#include "store/sidecar_schema.hpp"

namespace headworks::store {
namespace {

constexpr std::int64_t kCatalogId = 0x48574354;  // "HWCT", PRAGMA application_id
constexpr std::int64_t kUsageId = 0x48575553;    // "HWUS"

struct Plan {
  std::int64_t application_id;
  const char* synchronous;
  const char* page_size;      // of a new file
  const char* secure_delete;  // sealed keys leave no trace; the ledger holds no secrets
  std::span<const char* const> migrations;
  std::span<const char* const> tables;
};

constexpr std::array kCatalogTables = {"pools",     "backends",  "client_keys", "settings",         "prices",
                                       "cooldowns", "revisions", "audit",       "master_key_checks",
                                       "master_key_seals", "sealed_only", "admin_tokens"};
constexpr std::array kUsageTables = {"attempt_rows", "names", "levels", "usage_minutes", "usage_hours", "usage_days", "usage_state"};

Plan plan_of(Database database) {
  if (database == Database::catalog)
    return {kCatalogId, "PRAGMA synchronous=FULL", "PRAGMA page_size=4096", "PRAGMA secure_delete=ON",
            catalog_migrations(), kCatalogTables};
  // The ledger only grows at its end: large pages mean fewer writes for the same rows.
  return {kUsageId, "PRAGMA synchronous=NORMAL", "PRAGMA page_size=16384", "PRAGMA secure_delete=OFF",
          usage_migrations(), kUsageTables};
}

constexpr int kDamaged = 11;  // SQLITE_CORRUPT
constexpr std::int64_t kCheckedWhole = 64 << 20;  // a larger ledger would hold up every start for seconds

[[noreturn]] void refuse(const std::string& path, std::string why, std::string detail = {}, int code = 0) {
  throw StorageFailure(
      base::fail(base::ErrorKind::storage_failed, path + ": " + std::move(why), std::move(detail)), code);
}

bool has_table(Connection& db, std::string_view name) {
  Query found = db.query("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?", name);
  return found.next();
}

void check_health(Connection& db, const std::string& path) {
  Query found = db.query("PRAGMA quick_check(1)");
  if (!found.next() || found.text(0) != "ok")
    refuse(path, "the database is damaged; restore a backup, or move the file away to begin anew",
           found.string(0), kDamaged);
}

void set_version(Connection& db, int version) {
  // Pragmas take no parameters; the number is ours.
  db.execute(("PRAGMA user_version=" + std::to_string(version)).c_str());
}

void set_up(Connection& db, const Plan& plan) {
  db.execute("PRAGMA journal_mode=WAL");
  db.execute(plan.synchronous);
  db.execute(plan.secure_delete);
  db.execute("PRAGMA wal_autocheckpoint=1000");
}

// Everything between finding a file and trusting it.
void check_and_migrate(Connection& db, const std::string& path, Database database, std::int64_t size, bool migrates) {
  const Plan plan = plan_of(database);
  const std::int64_t id = db.find_integer("PRAGMA application_id").value_or(0);
  const std::int64_t version = db.find_integer("PRAGMA user_version").value_or(0);
  const bool sidecar = database == Database::catalog && id == 0 && has_table(db, "backends");
  if (id != plan.application_id && !sidecar) refuse(path, "this is not a database of Headworks");
  if (!sidecar && version > static_cast<std::int64_t>(plan.migrations.size()))
    refuse(path, "a newer Headworks made this database; use that version or restore a backup");
  if (!migrates && (sidecar || version < static_cast<std::int64_t>(plan.migrations.size())))
    refuse(path, "this version of Headworks changes the database, which the running server still writes to: a hand-over "
                 "cannot do that, a stop and a start can");
  if (database == Database::catalog || size <= kCheckedWhole) check_health(db, path);
  set_up(db, plan);
  if (sidecar) {
    Transaction transaction(db);
    set_aside_sidecar_tables(db);
    db.execute(catalog_migrations().front());
    take_over_sidecar_backends(db);
    db.execute(("PRAGMA application_id=" + std::to_string(plan.application_id)).c_str());
    set_version(db, 1);
    transaction.commit();
  }
  migrate(db, database, newest_version(database));
  for (const char* table : plan.tables)
    if (!has_table(db, table)) refuse(path, "the database is damaged: a table is missing", table, kDamaged);
  db.execute("PRAGMA foreign_keys=ON");
}

// A file that is there is complete: it is made under another name and renamed.
void make_file(const std::string& path, Database database, std::chrono::milliseconds busy_timeout) {
  const std::string fresh = path + ".new";
  for (const char* suffix : {"", "-wal", "-shm", "-journal"}) ::unlink((fresh + suffix).c_str());
  {
    Connection db = Connection::open(fresh, Connection::Mode::writer, busy_timeout);
    const Plan plan = plan_of(database);
    db.execute(plan.page_size);
    db.execute(("PRAGMA application_id=" + std::to_string(plan.application_id)).c_str());
    migrate(db, database, newest_version(database));
  }
  if (::rename(fresh.c_str(), path.c_str()) != 0) refuse(path, "the database cannot be made");
  const std::string folder = path.substr(0, path.rfind('/') == std::string::npos ? 0 : path.rfind('/') + 1);
  const int fd = ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  ::fsync(fd);
  ::close(fd);
}

std::string move_aside(const std::string& path, base::WallTime now) {
  const std::string aside = path + ".corrupt-" + catalog::format_utc(now);
  for (const char* suffix : {"", "-wal", "-shm"}) ::rename((path + suffix).c_str(), (aside + suffix).c_str());
  return aside;
}

}  // namespace

int newest_version(Database database) { return static_cast<int>(plan_of(database).migrations.size()); }

void migrate(Connection& db, Database database, int to_version) {
  const Plan plan = plan_of(database);
  const auto from = static_cast<int>(db.find_integer("PRAGMA user_version").value_or(0));
  for (int version = from; version < to_version; ++version) {
    Transaction transaction(db);
    db.execute(plan.migrations[static_cast<std::size_t>(version)]);
    set_version(db, version + 1);
    transaction.commit();
  }
}

Opened open_writer(const std::string& path, Database database, std::chrono::milliseconds busy_timeout,
                   base::WallTime now, bool migrates) {
  struct stat found{};
  const bool there = ::stat(path.c_str(), &found) == 0;
  try {
    if (!there)
      make_file(path, database, busy_timeout);
    else if (found.st_size == 0)
      refuse(path, "the file is empty; restore a backup, or remove it to begin anew", "", kDamaged);
    Opened opened{Connection::open(path, Connection::Mode::writer, busy_timeout), {}};
    check_and_migrate(opened.connection, path, database, found.st_size, migrates);
    return opened;
  } catch (const StorageFailure& failure) {
    if (failure.damaged() && database == Database::usage && migrates) {
      const std::string aside = move_aside(path, now);
      Opened opened = open_writer(path, database, busy_timeout, now, migrates);
      opened.set_aside = aside;
      return opened;
    }
    if (failure.error().message.starts_with(path)) throw;
    refuse(path, failure.error().message, failure.error().detail, failure.damaged() ? kDamaged : 0);
  }
}

Connection open_reader(const std::string& path, std::chrono::milliseconds busy_timeout) {
  return Connection::open(path, Connection::Mode::reader, busy_timeout);
}

}  // namespace headworks::store
