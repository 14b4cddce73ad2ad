// The edits of the catalog: each checks, writes and notes what changed. The admin API, the nine operations
// and apply are made of these. Each runs inside CatalogWriter::change and answers a Result; on an error the
// change is undone. Must not know: threads, snapshots.
#pragma once

#include <string>
#include <string_view>

#include "catalog/configuration.hpp"
#include "store/catalog_writer.hpp"

namespace headworks::store {

// What to do when a backend's URL moves to another origin and its key is not given again.
enum class MovedOrigin : std::uint8_t {
  refuse,  // kind conflict: whoever may edit a URL must not thereby send the key elsewhere
  reseal,  // the owner of the master key does it
};

// Where its key goes: scheme, host and port of its URL; empty when that is none.
std::string origin_of(const catalog::Backend& row);

// Inserts (giving an id if there is none and stamping both times) or overwrites the row of this id. An empty
// api_key keeps the stored one. Kind invalid_configuration when a field is out of bounds, conflict when the
// name is taken. The answer has its clear key only if it came with one.
enum class Times : std::uint8_t { stamped, kept };  // kept: of a row that was made elsewhere, where it says them
base::Result<catalog::Backend> create_backend(CatalogTables& tables, catalog::Backend row, Times times = Times::stamped);
base::Result<catalog::Backend> replace_backend(CatalogTables& tables, catalog::Backend row,
                                               MovedOrigin moved);
// The update of the seed contract: these fields change, updated_at moves whatever they say. The row without its clear
// key; none when there is no such row.
base::Result<std::optional<catalog::Backend>> update_backend(CatalogTables& tables, std::string_view id,
                                                             const BackendUpdates& updates);
base::Result<bool> delete_backend(CatalogTables& tables, std::string_view id);

// The state of a backend. False when there is no such row.
struct HandCooldown {
  base::WallTime until{};
  std::int64_t consecutive = 0;  // how many 429 answers are counted from now on
  std::string reason = {};       // for people
};
base::Result<bool> set_backend_status(CatalogTables& tables, std::string_view id, catalog::BackendStatus status);
// Replaces whatever cooldowns run for it and its models.
base::Result<bool> cool_backend(CatalogTables& tables, std::string_view id, const HandCooldown& cooldown);
// Ends every cooldown of it and its models.
base::Result<bool> clear_backend(CatalogTables& tables, std::string_view id);

base::Result<bool> put_pool(CatalogTables& tables, const catalog::Pool& row);  // true: it is new
base::Result<bool> delete_pool(CatalogTables& tables, std::string_view name);  // false: there was none

// A row without an id is new; its key must be given. With an id: an empty key keeps the stored digest.
base::Result<catalog::ClientKey> put_client_key(CatalogTables& tables, catalog::ConfiguredClientKey key);
// A new row of this id, which no row may have.
base::Result<catalog::ClientKey> insert_client_key(CatalogTables& tables, catalog::ClientKey row, const base::Secret& key);
// Another key for the row of this id; the one that it has now stays good until `overlap_until` (none: it does not).
base::Result<catalog::ClientKey> rotate_client_key(CatalogTables& tables, std::string_view id, const base::Secret& key,
                                                   std::optional<base::WallTime> overlap_until);
base::Result<bool> delete_client_key(CatalogTables& tables, std::string_view id);

// A new token for the admin API; the row without it. Conflict when the name is taken.
base::Result<catalog::AdminToken> create_admin_token(CatalogTables& tables, catalog::AdminToken row, const base::Secret& token);
base::Result<bool> delete_admin_token(CatalogTables& tables, std::string_view id_or_name);

// Only what is named changes. A value equal to the default still becomes a row: it was said.
base::Result<bool> put_settings(CatalogTables& tables, const std::vector<catalog::Setting>& settings,
                                std::string_view source);
base::Result<bool> put_price(CatalogTables& tables, const catalog::Price& row);
base::Result<bool> delete_price(CatalogTables& tables, std::string_view model);

// The whole document as one difference. Rows of source "file" follow it: made, changed, removed; rows made by
// hand stay, unless the document names them: then they are the file's from now on. Rows that would not change
// are not touched. Secrets that the document does not give stay as they are stored.
base::Result<std::vector<Edit>> apply_configuration(CatalogTables& tables,
                                                    catalog::Configuration configuration);

// The configuration as it was after this revision: every row that was changed since is put back, by what the audit says
// of it. Kind not_found when there was no such revision. Secrets are in no audit: one that was changed since stays as
// it is, and a row that was removed comes back without it; `keys_missing` names those.
struct Restored {
  std::vector<Edit> edits;
  std::vector<std::string> keys_missing;  // "backend nim-1", "client key app"
};
base::Result<Restored> restore_revision(CatalogTables& tables, std::uint64_t number);

}  // namespace headworks::store
