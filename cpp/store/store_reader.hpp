// StoreReader: the reading half of the nine operations on headworks.db while a server writes it: a read-only
// connection that never checkpoints. What the server has committed is seen at the next call.
//
// One thread at a time; calls block. Must not know: the server, HTTP.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "store/backends_table.hpp"
#include "vault/key_ring.hpp"

namespace headworks::store {

class StoreReader {
 public:
  // Kind storage_failed when there is no such database. `keys`: never null.
  static base::Result<std::unique_ptr<StoreReader>> open(const std::string& path,
                                                         std::shared_ptr<const vault::KeyRing> keys);

  base::Result<std::optional<catalog::Backend>> get_backend(const std::string& id, bool decrypt_key);
  base::Result<std::vector<catalog::Backend>> list_backends(const std::optional<std::string>& pool,
                                                            bool enabled_only, bool decrypt_key);
  base::Result<std::vector<PoolStats>> get_pool_stats();

 private:
  StoreReader(Connection connection, std::shared_ptr<const vault::KeyRing> keys)
      : connection_(std::move(connection)), sealer_(std::move(keys)), backends_(connection_, sealer_) {}

  Connection connection_;
  vault::Sealer sealer_;
  BackendsTable backends_;
};

}  // namespace headworks::store
