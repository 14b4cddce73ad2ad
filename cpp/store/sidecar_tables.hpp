// What stands in a sidecar's tables beside its backends, as far as their columns are recognised: what was used, as
// records for the ledger; past and running cooldowns; settings. Nothing says what these columns were called: each has
// the names that it usually has. What nobody here knows is listed, not guessed. Reading the same rows again gives the
// same records, so that an import may be repeated. Must not know: the sidecar's file.
#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/snapshot.hpp"
#include "store/sidecar_import.hpp"
#include "telemetry/exchange_record.hpp"

namespace headworks::store {

// How a table's rows fared.
struct SidecarTable {
  std::uint32_t taken = 0;
  std::uint32_t kept = 0;              // they are here already
  std::uint32_t left = 0;              // they do not say enough
  std::vector<std::string> unknown;    // columns, or names of settings, that nobody here knows; each once
};

// One finished exchange of one attempt for each row that says when it was. Ids are made of what the row says.
// `number`: of the first row in its table, since two rows may say the same.
std::vector<telemetry::ExchangeRecord> read_sidecar_usage(const std::vector<SidecarRow>& rows, std::uint64_t number,
                                                          const catalog::Snapshot& snapshot, SidecarTable& fared);

// Past ones go to the history; running ones are noted in `cooling`, too. REQUIRES that the backends were imported.
void import_sidecar_cooldowns(CatalogTables& tables, const std::vector<SidecarRow>& rows,
                              std::vector<SidecarImport::Cooling>& cooling, SidecarTable& fared);

// Settings that are said here already stay.
base::Result<void> import_sidecar_config(CatalogTables& tables, const std::vector<SidecarRow>& rows, SidecarTable& fared);

}  // namespace headworks::store
