#include "store/schema.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdio>

#include "catalog/utc_time.hpp"
#include "store/sidecar_schema.hpp"

namespace headworks::store {
namespace {

constexpr std::int64_t kCatalogId = 0x48574354;  // "HWCT", PRAGMA application_id
constexpr std::int64_t kUsageId = 0x48575553;    // "HWUS"

// Catalog, version 1. Moments that the seed contract names are UTC texts; those of the machine are
// milliseconds.
constexpr const char* kCatalog1 = R"sql(
CREATE TABLE pools (
  name TEXT PRIMARY KEY NOT NULL CHECK (name <> ''),
  strategy TEXT NOT NULL DEFAULT 'weighted',
  patience_seconds REAL NOT NULL DEFAULT 0 CHECK (patience_seconds >= 0),
  position INTEGER NOT NULL DEFAULT 0,
  source TEXT NOT NULL DEFAULT 'admin'
);
INSERT INTO pools (name, position, source) VALUES ('primary', 0, 'default'), ('fallback', 1, 'default');

CREATE TABLE backends (
  id TEXT PRIMARY KEY NOT NULL CHECK (id <> ''),
  name TEXT NOT NULL UNIQUE CHECK (name <> ''),
  label TEXT NOT NULL DEFAULT '',
  api_base_url TEXT NOT NULL,
  api_key_encrypted TEXT NOT NULL DEFAULT '',
  api TEXT NOT NULL DEFAULT 'openai' CHECK (api IN ('openai', 'anthropic')),
  timeout_seconds REAL NOT NULL DEFAULT 120 CHECK (timeout_seconds > 0),
  rpm_limit INTEGER NOT NULL DEFAULT 0 CHECK (rpm_limit >= 0),
  pool TEXT NOT NULL DEFAULT 'primary' REFERENCES pools (name) ON UPDATE CASCADE,
  enabled INTEGER NOT NULL DEFAULT 1 CHECK (enabled IN (0, 1)),
  status TEXT NOT NULL DEFAULT 'healthy' CHECK (status IN ('healthy', 'cooling', 'error', 'disabled')),
  model_mappings_json TEXT NOT NULL DEFAULT '{}',
  source TEXT NOT NULL DEFAULT 'admin',
  cooldown_until TEXT,
  consecutive_429_count INTEGER NOT NULL DEFAULT 0 CHECK (consecutive_429_count >= 0),
  metadata_json TEXT NOT NULL DEFAULT '{}',
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL,
  api_key_hint TEXT NOT NULL DEFAULT '',
  tpm_limit INTEGER NOT NULL DEFAULT 0 CHECK (tpm_limit >= 0),
  max_in_flight INTEGER NOT NULL DEFAULT 0 CHECK (max_in_flight >= 0),
  weight INTEGER NOT NULL DEFAULT 1 CHECK (weight >= 1)
);
CREATE INDEX backends_by_pool ON backends (pool, created_at);

CREATE TABLE client_keys (
  id TEXT PRIMARY KEY NOT NULL CHECK (id <> ''),
  name TEXT NOT NULL UNIQUE CHECK (name <> ''),
  digest BLOB NOT NULL UNIQUE CHECK (length(digest) = 32),
  hint TEXT NOT NULL DEFAULT '',
  models_json TEXT NOT NULL DEFAULT '["*"]',
  rpm_limit INTEGER NOT NULL DEFAULT 0 CHECK (rpm_limit >= 0),
  tpm_limit INTEGER NOT NULL DEFAULT 0 CHECK (tpm_limit >= 0),
  max_in_flight INTEGER NOT NULL DEFAULT 0 CHECK (max_in_flight >= 0),
  budgets_json TEXT NOT NULL DEFAULT '[]',
  expires_at TEXT,
  enabled INTEGER NOT NULL DEFAULT 1 CHECK (enabled IN (0, 1)),
  source TEXT NOT NULL DEFAULT 'admin',
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL
);

CREATE TABLE settings (
  key TEXT PRIMARY KEY NOT NULL,
  value_json TEXT NOT NULL,
  source TEXT NOT NULL DEFAULT 'admin'
);

CREATE TABLE prices (
  model TEXT PRIMARY KEY NOT NULL CHECK (model <> ''),
  input REAL NOT NULL CHECK (input >= 0),
  output REAL NOT NULL CHECK (output >= 0),
  cached_input REAL NOT NULL DEFAULT 0 CHECK (cached_input >= 0),
  source TEXT NOT NULL DEFAULT 'admin'
);

CREATE TABLE cooldowns (
  id INTEGER PRIMARY KEY,
  backend_id TEXT NOT NULL,
  model TEXT,
  cause TEXT NOT NULL,
  duration_source TEXT NOT NULL,
  request_id TEXT,
  consecutive INTEGER NOT NULL DEFAULT 0,
  started_ms INTEGER NOT NULL,
  until_ms INTEGER NOT NULL,
  ended_ms INTEGER
);
CREATE INDEX cooldowns_running ON cooldowns (backend_id, until_ms) WHERE ended_ms IS NULL;

CREATE TABLE revisions (
  number INTEGER PRIMARY KEY,
  at TEXT NOT NULL,
  actor TEXT NOT NULL,
  summary TEXT NOT NULL
);

CREATE TABLE audit (
  id INTEGER PRIMARY KEY,
  revision INTEGER NOT NULL,
  at TEXT NOT NULL,
  actor TEXT NOT NULL,
  action TEXT NOT NULL,
  target TEXT NOT NULL,
  before_json TEXT,
  after_json TEXT
);
CREATE INDEX audit_by_revision ON audit (revision);

CREATE TABLE master_key_checks (
  kid INTEGER PRIMARY KEY,
  sealed TEXT NOT NULL,
  created_at TEXT NOT NULL
);
)sql";

// Catalog, version 2: what the routing engine learned to obey.
constexpr const char* kCatalog2 = R"sql(
ALTER TABLE pools ADD COLUMN sticky_by TEXT NOT NULL DEFAULT 'client_key';
ALTER TABLE backends ADD COLUMN timeouts_json TEXT NOT NULL DEFAULT '{}';
ALTER TABLE client_keys ADD COLUMN weight INTEGER NOT NULL DEFAULT 1 CHECK (weight >= 1);
ALTER TABLE client_keys ADD COLUMN timeout_seconds REAL NOT NULL DEFAULT 0 CHECK (timeout_seconds >= 0);
ALTER TABLE cooldowns ADD COLUMN scope TEXT NOT NULL DEFAULT 'backend';
)sql";

// Catalog, version 3: a client key's predecessor stays good for a while.
constexpr const char* kCatalog3 = R"sql(
ALTER TABLE client_keys ADD COLUMN previous_digest BLOB;
ALTER TABLE client_keys ADD COLUMN previous_until TEXT;
)sql";

// Usage, version 1. One row per attempt; exchanges without one (401, 404, no backend) are counted by the
// metrics only. What is the exchange's own stands in every row of it; sums over exchanges take the rows with
// final = 1.
//
// The key begins with the time, so that rows are appended in order and no insert touches a page far away;
// request id and attempt make it unique (a request has one start), so that a row is written exactly once.
// Reading by time needs no other index; reading by request id scans backwards in time.
constexpr const char* kUsage1 = R"sql(
CREATE TABLE attempts (
  started_us INTEGER NOT NULL,
  request_id TEXT NOT NULL,
  attempt INTEGER NOT NULL CHECK (attempt >= 1),
  final INTEGER NOT NULL,
  route TEXT NOT NULL,
  client_key_id TEXT NOT NULL,
  client_key TEXT NOT NULL,
  model TEXT NOT NULL,
  stream INTEGER NOT NULL,
  exchange_status INTEGER NOT NULL,
  exchange_error TEXT,
  exchange_us INTEGER NOT NULL,
  overhead_us INTEGER NOT NULL,
  queue_wait_us INTEGER NOT NULL,
  bytes_in INTEGER NOT NULL,
  bytes_out INTEGER NOT NULL,
  upstream_request_id TEXT,
  backend_id TEXT NOT NULL,
  backend TEXT NOT NULL,
  pool TEXT NOT NULL,
  model_sent TEXT NOT NULL,
  status INTEGER NOT NULL,
  error TEXT,
  reused_connection INTEGER NOT NULL,
  connect_us INTEGER NOT NULL,
  first_byte_us INTEGER NOT NULL,
  attempt_us INTEGER NOT NULL,
  input_tokens INTEGER NOT NULL,
  output_tokens INTEGER NOT NULL,
  cached_input_tokens INTEGER NOT NULL,
  cache_write_tokens INTEGER NOT NULL,
  reasoning_tokens INTEGER NOT NULL,
  usage_source TEXT NOT NULL,
  cost_micro_usd INTEGER NOT NULL,
  PRIMARY KEY (started_us, request_id, attempt)
) WITHOUT ROWID;
)sql";

// Usage, version 2: levels of buckets and budgets, overwritten as they change.
constexpr const char* kUsage2 = R"sql(
CREATE TABLE levels (
  owner TEXT NOT NULL,
  kind TEXT NOT NULL,
  numbers BLOB NOT NULL,
  PRIMARY KEY (owner, kind)
) WITHOUT ROWID;
)sql";

// Usage, version 3: why. `plan` (on the final row) holds what was out of the ordinary, as a JSON array, see
// plan_text.hpp; null when nothing was.
constexpr const char* kUsage3 = R"sql(
ALTER TABLE attempts ADD COLUMN attempt_at_us INTEGER NOT NULL DEFAULT 0;
ALTER TABLE attempts ADD COLUMN plan TEXT;
)sql";

struct Plan {
  std::int64_t application_id;
  const char* synchronous;
  const char* page_size;      // of a new file
  const char* secure_delete;  // sealed keys leave no trace; the ledger holds no secrets
  std::span<const char* const> migrations;
  std::span<const char* const> tables;
};

constexpr std::array kCatalogMigrations = {kCatalog1, kCatalog2, kCatalog3};
constexpr std::array kUsageMigrations = {kUsage1, kUsage2, kUsage3};
constexpr std::array kCatalogTables = {"pools",     "backends",  "client_keys", "settings",         "prices",
                                       "cooldowns", "revisions", "audit",       "master_key_checks"};
constexpr std::array kUsageTables = {"attempts", "levels"};

Plan plan_of(Database database) {
  if (database == Database::catalog)
    return {kCatalogId, "PRAGMA synchronous=FULL", "PRAGMA page_size=4096", "PRAGMA secure_delete=ON",
            kCatalogMigrations, kCatalogTables};
  // The ledger only grows at its end: large pages mean fewer writes for the same rows.
  return {kUsageId, "PRAGMA synchronous=NORMAL", "PRAGMA page_size=16384", "PRAGMA secure_delete=OFF",
          kUsageMigrations, kUsageTables};
}

constexpr int kDamaged = 11;  // SQLITE_CORRUPT

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
void check_and_migrate(Connection& db, const std::string& path, Database database) {
  const Plan plan = plan_of(database);
  const std::int64_t id = db.find_integer("PRAGMA application_id").value_or(0);
  const std::int64_t version = db.find_integer("PRAGMA user_version").value_or(0);
  const bool sidecar = database == Database::catalog && id == 0 && has_table(db, "backends");
  if (id != plan.application_id && !sidecar) refuse(path, "this is not a database of Headworks");
  if (!sidecar && version > static_cast<std::int64_t>(plan.migrations.size()))
    refuse(path, "a newer Headworks made this database; use that version or restore a backup");
  check_health(db, path);
  set_up(db, plan);
  if (sidecar) {
    Transaction transaction(db);
    set_aside_sidecar_tables(db);
    db.execute(kCatalog1);
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
                   base::WallTime now) {
  struct stat found{};
  const bool there = ::stat(path.c_str(), &found) == 0;
  try {
    if (!there)
      make_file(path, database, busy_timeout);
    else if (found.st_size == 0)
      refuse(path, "the file is empty; restore a backup, or remove it to begin anew", "", kDamaged);
    Opened opened{Connection::open(path, Connection::Mode::writer, busy_timeout), {}};
    check_and_migrate(opened.connection, path, database);
    return opened;
  } catch (const StorageFailure& failure) {
    if (failure.damaged() && database == Database::usage) {
      const std::string aside = move_aside(path, now);
      Opened opened = open_writer(path, database, busy_timeout, now);
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
