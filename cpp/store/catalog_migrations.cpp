// headworks.db, version by version.
#include <array>

#include "store/migrations.hpp"

namespace headworks::store {
namespace {

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

// Catalog, version 4: tokens of the admin API with a role each; digests, never tokens.
constexpr const char* kCatalog4 = R"sql(
CREATE TABLE admin_tokens (
  id TEXT PRIMARY KEY NOT NULL,
  name TEXT NOT NULL UNIQUE CHECK (name <> ''),
  role TEXT NOT NULL CHECK (role IN ('viewer', 'operator', 'admin')),
  digest BLOB NOT NULL UNIQUE,
  hint TEXT NOT NULL,
  expires_at TEXT,
  created_at TEXT NOT NULL
);
)sql";

// Catalog, version 5: how often each master key has sealed (before it was counted: no more often than there were edits,
// and keys that a rotation sealed anew), and whether all are sealed (a row: yes); a digest that
// chains the rows of the audit.
constexpr const char* kCatalog5 = R"sql(
CREATE TABLE master_key_seals (
  kid INTEGER PRIMARY KEY NOT NULL,
  seals INTEGER NOT NULL CHECK (seals >= 0)
);
INSERT INTO master_key_seals (kid, seals)
  SELECT kid, 1 + (SELECT count(*) FROM audit) + (SELECT count(*) FROM backends) FROM master_key_checks;
ALTER TABLE audit ADD COLUMN chain BLOB;
CREATE TABLE sealed_only (one INTEGER PRIMARY KEY NOT NULL CHECK (one = 1));
)sql";

constexpr std::array kMigrations = {kCatalog1, kCatalog2, kCatalog3, kCatalog4, kCatalog5};

}  // namespace

std::span<const char* const> catalog_migrations() { return kMigrations; }

}  // namespace headworks::store
