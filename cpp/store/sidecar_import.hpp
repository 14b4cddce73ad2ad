// The import of a sidecar's rows into a running catalog: those of its table `backends`, as they stood there, by column
// name. A row whose id or name is here already stays as it is here, so that an import may be repeated. Runs inside
// CatalogWriter::change. Must not know: the sidecar's file.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "store/catalog_edits.hpp"
#include "vault/sidecar_key.hpp"

namespace headworks::store {

// Column name to text; a null is not there.
using SidecarRow = std::map<std::string, std::string, std::less<>>;

struct SidecarImport {
  std::vector<Edit> edits;
  std::vector<std::string> imported, kept;  // names: new ones, and those that were here
  std::vector<std::string> keys_missing;    // their key could not be opened: they came without it, disabled
  std::vector<std::string> parked;          // they cannot work as they are (no URL, an unknown dialect): disabled
  struct Cooling {
    std::string backend_id;
    base::WallTime until{};
  };
  std::vector<Cooling> cooling;  // what still rests
};

// Without a key sealed ones cannot be opened.
base::Result<SidecarImport> import_sidecar(CatalogTables& tables, const std::vector<SidecarRow>& rows,
                                           const std::optional<vault::SidecarKey>& key);

}  // namespace headworks::store
