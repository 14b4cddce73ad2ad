// Schema: what the two database files hold, as numbered migrations. A migration is one entry at the end of a
// list in schema.cpp; what has been released is never changed. Must not know: rows as values.
#pragma once

#include <string>

#include "base/clock.hpp"
#include "store/sqlite.hpp"

namespace headworks::store {

enum class Database : std::uint8_t {
  catalog,  // headworks.db: synchronous=FULL; a damaged file is an error, and is left as it is
  usage,    // usage.db: synchronous=NORMAL; a damaged file is set aside, and a new one begun
};

struct Opened {
  Connection connection;
  std::string set_aside;  // where the damaged usage.db went; empty: it was fine
};

// The one connection that writes: checked (quick_check), migrated, ready. Throws StorageFailure; messages say
// which file and what to do. A new file appears under its name only when it is complete.
// `migrates`: else a file of another version is refused.
Opened open_writer(const std::string& path, Database database, std::chrono::milliseconds busy_timeout,
                   base::WallTime now, bool migrates = true);

// A connection for reading only. REQUIRES that open_writer has opened the file in this process or another.
Connection open_reader(const std::string& path, std::chrono::milliseconds busy_timeout);

// How many migrations there are: the user_version of a file of today.
int newest_version(Database database);

// For tests: brings a file to an older version.
void migrate(Connection& db, Database database, int to_version);

}  // namespace headworks::store
