// A backup: both databases as they are at one moment each, checked, in a directory of its own. Provider keys in it are
// sealed; the master key is not in it. Blocking: a job of a reader's thread.
#pragma once

#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace headworks::store {

struct Backup {
  struct File {
    std::string name;
    std::uint64_t bytes = 0;
  };
  std::string directory;
  std::vector<File> files;
};

// Into DATA_DIR/backups/<now>, which appears when it is complete. Kind storage_failed when it cannot be written, or
// what was written does not pass SQLite's integrity check.
base::Result<Backup> make_backup(const std::string& data_dir, base::WallTime now);

}  // namespace headworks::store
