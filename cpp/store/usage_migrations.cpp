// usage.db, version by version.
#include <array>

#include "store/migrations.hpp"

namespace headworks::store {
namespace {

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

// Usage, version 4. What repeats stands once, in `names`; a row of the ledger holds numbers, and `attempts` becomes the
// view that reads as the table did. Its columns have no constraints: each would be checked for every row, and there is
// one writer. `revision`: the catalog's, and so the prices', that the costs were counted by.
//
// Beside the rows stand their sums by minute, hour and day (of UTC, by the exchange's start), so that no question reads
// all rows, with latencies as sketches that can be added. A `facet` says by what a sum is taken apart (usage_sums.hpp);
// columns that do not belong to it are 0. Sums are written some seconds after their rows: `batch` numbers the writes, and
// usage_state says which are in the sums, so that a crash neither loses nor counts twice.
//
// Levels are kept as pairs now: what an older version wrote is forgotten.
constexpr const char* kUsage4 = R"sql(
DELETE FROM levels WHERE kind = 'starts';
CREATE TABLE names (
  id INTEGER PRIMARY KEY,
  text TEXT NOT NULL UNIQUE
);
INSERT INTO names (text)
  SELECT route FROM attempts WHERE route IS NOT NULL UNION
  SELECT client_key_id FROM attempts WHERE client_key_id IS NOT NULL UNION
  SELECT client_key FROM attempts WHERE client_key IS NOT NULL UNION
  SELECT model FROM attempts WHERE model IS NOT NULL UNION
  SELECT exchange_error FROM attempts WHERE exchange_error IS NOT NULL UNION
  SELECT backend_id FROM attempts WHERE backend_id IS NOT NULL UNION
  SELECT backend FROM attempts WHERE backend IS NOT NULL UNION
  SELECT pool FROM attempts WHERE pool IS NOT NULL UNION
  SELECT model_sent FROM attempts WHERE model_sent IS NOT NULL UNION
  SELECT error FROM attempts WHERE error IS NOT NULL UNION
  SELECT usage_source FROM attempts WHERE usage_source IS NOT NULL;
CREATE TABLE attempt_rows (
  started_us INTEGER,
  request_id TEXT,
  attempt INTEGER,
  final INTEGER,
  route INTEGER,
  client_key_id INTEGER,
  client_key INTEGER,
  model INTEGER,
  stream INTEGER,
  exchange_status INTEGER,
  exchange_error INTEGER,
  exchange_us INTEGER,
  overhead_us INTEGER,
  queue_wait_us INTEGER,
  bytes_in INTEGER,
  bytes_out INTEGER,
  upstream_request_id TEXT,
  backend_id INTEGER,
  backend INTEGER,
  pool INTEGER,
  model_sent INTEGER,
  status INTEGER,
  error INTEGER,
  reused_connection INTEGER,
  connect_us INTEGER,
  first_byte_us INTEGER,
  attempt_us INTEGER,
  input_tokens INTEGER,
  output_tokens INTEGER,
  cached_input_tokens INTEGER,
  cache_write_tokens INTEGER,
  reasoning_tokens INTEGER,
  usage_source INTEGER,
  cost_micro_usd INTEGER,
  attempt_at_us INTEGER,
  plan TEXT,
  revision INTEGER,
  batch INTEGER,
  PRIMARY KEY (started_us, request_id, attempt)
) WITHOUT ROWID;
INSERT INTO attempt_rows
  SELECT started_us, request_id, attempt, final, (SELECT id FROM names WHERE text = route),
         (SELECT id FROM names WHERE text = client_key_id), (SELECT id FROM names WHERE text = client_key),
         (SELECT id FROM names WHERE text = model), stream, exchange_status,
         (SELECT id FROM names WHERE text = exchange_error), exchange_us, overhead_us, queue_wait_us,
         bytes_in, bytes_out, upstream_request_id, (SELECT id FROM names WHERE text = backend_id),
         (SELECT id FROM names WHERE text = backend), (SELECT id FROM names WHERE text = pool),
         (SELECT id FROM names WHERE text = model_sent), status, (SELECT id FROM names WHERE text = error),
         reused_connection, connect_us, first_byte_us, attempt_us, input_tokens, output_tokens,
         cached_input_tokens, cache_write_tokens, reasoning_tokens,
         (SELECT id FROM names WHERE text = usage_source), cost_micro_usd, attempt_at_us, plan, 0, 1
  FROM attempts;
DROP TABLE attempts;
CREATE VIEW attempts AS
  SELECT started_us, request_id, attempt, final, (SELECT text FROM names WHERE id = route) AS route,
         (SELECT text FROM names WHERE id = client_key_id) AS client_key_id,
         (SELECT text FROM names WHERE id = client_key) AS client_key,
         (SELECT text FROM names WHERE id = model) AS model, stream, exchange_status,
         (SELECT text FROM names WHERE id = exchange_error) AS exchange_error, exchange_us, overhead_us,
         queue_wait_us, bytes_in, bytes_out, upstream_request_id,
         (SELECT text FROM names WHERE id = backend_id) AS backend_id,
         (SELECT text FROM names WHERE id = backend) AS backend,
         (SELECT text FROM names WHERE id = pool) AS pool,
         (SELECT text FROM names WHERE id = model_sent) AS model_sent, status,
         (SELECT text FROM names WHERE id = error) AS error, reused_connection, connect_us, first_byte_us,
         attempt_us, input_tokens, output_tokens, cached_input_tokens, cache_write_tokens, reasoning_tokens,
         (SELECT text FROM names WHERE id = usage_source) AS usage_source, cost_micro_usd, attempt_at_us,
         plan, revision
  FROM attempt_rows;
CREATE TABLE usage_minutes (
  facet INTEGER NOT NULL,
  at_s INTEGER NOT NULL,
  model INTEGER NOT NULL,
  backend INTEGER NOT NULL,
  pool INTEGER NOT NULL,
  client_key INTEGER NOT NULL,
  exchanges INTEGER NOT NULL,
  errors INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  input_tokens INTEGER NOT NULL,
  output_tokens INTEGER NOT NULL,
  cached_input_tokens INTEGER NOT NULL,
  cache_write_tokens INTEGER NOT NULL,
  reasoning_tokens INTEGER NOT NULL,
  estimated INTEGER NOT NULL,
  cost_micro_usd INTEGER NOT NULL,
  exchange_us INTEGER NOT NULL,
  overhead_us INTEGER NOT NULL,
  first_byte_us INTEGER NOT NULL,
  latency BLOB NOT NULL,
  first_byte BLOB NOT NULL,
  PRIMARY KEY (facet, at_s, model, backend, pool, client_key)
) WITHOUT ROWID;
CREATE TABLE usage_hours (
  facet INTEGER NOT NULL,
  at_s INTEGER NOT NULL,
  model INTEGER NOT NULL,
  backend INTEGER NOT NULL,
  pool INTEGER NOT NULL,
  client_key INTEGER NOT NULL,
  exchanges INTEGER NOT NULL,
  errors INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  input_tokens INTEGER NOT NULL,
  output_tokens INTEGER NOT NULL,
  cached_input_tokens INTEGER NOT NULL,
  cache_write_tokens INTEGER NOT NULL,
  reasoning_tokens INTEGER NOT NULL,
  estimated INTEGER NOT NULL,
  cost_micro_usd INTEGER NOT NULL,
  exchange_us INTEGER NOT NULL,
  overhead_us INTEGER NOT NULL,
  first_byte_us INTEGER NOT NULL,
  latency BLOB NOT NULL,
  first_byte BLOB NOT NULL,
  PRIMARY KEY (facet, at_s, model, backend, pool, client_key)
) WITHOUT ROWID;
CREATE TABLE usage_days (
  facet INTEGER NOT NULL,
  at_s INTEGER NOT NULL,
  model INTEGER NOT NULL,
  backend INTEGER NOT NULL,
  pool INTEGER NOT NULL,
  client_key INTEGER NOT NULL,
  exchanges INTEGER NOT NULL,
  errors INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  input_tokens INTEGER NOT NULL,
  output_tokens INTEGER NOT NULL,
  cached_input_tokens INTEGER NOT NULL,
  cache_write_tokens INTEGER NOT NULL,
  reasoning_tokens INTEGER NOT NULL,
  estimated INTEGER NOT NULL,
  cost_micro_usd INTEGER NOT NULL,
  exchange_us INTEGER NOT NULL,
  overhead_us INTEGER NOT NULL,
  first_byte_us INTEGER NOT NULL,
  latency BLOB NOT NULL,
  first_byte BLOB NOT NULL,
  PRIMARY KEY (facet, at_s, model, backend, pool, client_key)
) WITHOUT ROWID;
CREATE TABLE usage_state (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  summed_batch INTEGER NOT NULL,
  unsummed_since_us INTEGER
);
INSERT INTO usage_state SELECT 1, 0, min(started_us) FROM attempt_rows;
)sql";

constexpr std::array kMigrations = {kUsage1, kUsage2, kUsage3, kUsage4};

}  // namespace

std::span<const char* const> usage_migrations() { return kMigrations; }

}  // namespace headworks::store
