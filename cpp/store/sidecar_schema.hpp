// A sidecar's database becomes ours: its `backends` rows are taken over by column name, its other tables are
// kept under `sidecar_*` names. Called by the schema inside one transaction. Must not know: keys (they stay
// as they stand).
#pragma once

#include "store/sqlite.hpp"

namespace headworks::store {

// Renames every table T of the file to sidecar_T.
void set_aside_sidecar_tables(Connection& db);

// Copies sidecar_backends into the (empty) table backends and drops it. Missing columns get their defaults;
// names that are empty or taken get the id or a number; a row that cannot work here (an unknown dialect, no
// URL) is kept, but disabled.
void take_over_sidecar_backends(Connection& db);

}  // namespace headworks::store
