#include "store/store_reader.hpp"

namespace headworks::store {
namespace {

using base::Result;
using catalog::Backend;

constexpr std::chrono::milliseconds kBusy{5000};

Keys keys_of(bool decrypt_key) { return decrypt_key ? Keys::opened : Keys::closed; }

template <class Question>
auto answer_of(Question question) -> Result<decltype(question())> {
  try {
    return question();
  } catch (const StorageFailure& failure) {
    return failure.error();
  }
}

}  // namespace

Result<std::unique_ptr<StoreReader>> StoreReader::open(const std::string& path,
                                                       std::shared_ptr<const vault::KeyRing> keys) {
  return answer_of([&] {
    return std::unique_ptr<StoreReader>(
        new StoreReader(Connection::open(path, Connection::Mode::reader, kBusy), std::move(keys)));
  });
}

Result<std::optional<Backend>> StoreReader::get_backend(const std::string& id, bool decrypt_key) {
  return answer_of([&] { return backends_.find(id, keys_of(decrypt_key)); });
}

Result<std::vector<Backend>> StoreReader::list_backends(const std::optional<std::string>& pool,
                                                        bool enabled_only, bool decrypt_key) {
  return answer_of([&] {
    return backends_.list(pool ? std::optional<std::string_view>(*pool) : std::nullopt, enabled_only,
                          keys_of(decrypt_key));
  });
}

Result<std::vector<PoolStats>> StoreReader::get_pool_stats() {
  return answer_of([&] { return backends_.pool_stats(); });
}

}  // namespace headworks::store
