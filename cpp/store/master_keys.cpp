// The rotation of master keys, as jobs of the writer thread.
#include "catalog/utc_time.hpp"
#include "store/master_keys_table.hpp"
#include "store/store.hpp"

namespace headworks::store {

using base::ErrorKind;
using base::Result;

void Store::ensure_check(Connection& db) {
  MasterKeysTable table(db);
  table.put_check(sealer_.keys().newest(), sealer_.make_check(), catalog::format_utc(clock_.wall()));
  // A key that may seal no more has its check already.
  static_cast<void>(table.count_seal(sealer_.keys().newest()));
}

Store::MasterKeys Store::master_keys_on(Connection& db) {
  BackendsTable backends(db, sealer_);
  const auto counts = backends.count_by_master_key();
  const auto count_of = [&](std::uint32_t kid) {
    const auto found = counts.find(kid);
    return found == counts.end() ? 0 : found->second;
  };
  MasterKeys keys{.origin = sealer_.keys().origin(),
                  .algorithm = vault::name_of(sealer_.algorithm(SettingsTable(db).sealing_algorithm())),
                  .keys = {},
                  .clear = count_of(0),
                  .rewrapped = 0,
                  .unreadable = {}};
  MasterKeysTable table(db);
  for (const std::uint32_t kid : sealer_.keys().kids())
    keys.keys.push_back({.kid = kid, .sealed = count_of(kid), .seals = table.seals_of(kid)});
  for (const catalog::Backend& row : backends.list(std::nullopt, false, Keys::opened))
    if (row.key_state == catalog::KeyState::unreadable) keys.unreadable.push_back(row.name);
  return keys;
}

bool Store::post_master_keys(MasterKeysDone done) {
  return writer_->post([this](Connection& db) { return master_keys_on(db); }, std::move(done));
}

bool Store::post_add_master_key(std::string path, MasterKeysDone done) {
  return writer_->post(
      [this, path = std::move(path)](Connection& db) -> Result<MasterKeys> {
        auto ring = sealer_.keys().add_key(path);
        if (!ring) return ring.error();
        sealer_.use(*std::move(ring));
        ensure_check(db);
        return master_keys_on(db);
      },
      std::move(done));
}

bool Store::post_rewrap(std::uint32_t limit, MasterKeysDone done) {
  return writer_->post(
      [this, limit](Connection& db) -> Result<MasterKeys> {
        Result<BackendsTable::Resealed> resealed{BackendsTable::Resealed{}};
        {
          Transaction transaction(db);
          resealed = BackendsTable(db, sealer_).reseal(limit);
          if (!resealed) return resealed.error();
          transaction.commit();
        }
        // What the old keys sealed is overwritten in the file (secure_delete); the log is emptied with the last of it.
        if (resealed->left == 0) db.checkpoint_all();
        MasterKeys keys = master_keys_on(db);
        keys.rewrapped = resealed->count;
        return keys;
      },
      std::move(done));
}

bool Store::post_drop_master_key(std::string path, std::uint32_t kid, MasterKeysDone done) {
  return writer_->post(
      [this, path = std::move(path), kid](Connection& db) -> Result<MasterKeys> {
        const MasterKeys before = master_keys_on(db);
        for (const MasterKeys::Key& key : before.keys)
          if (key.kid == kid && key.sealed > 0) {
            base::Error error = base::fail(ErrorKind::conflict, std::to_string(key.sealed) + " provider keys are still sealed with master key " +
                                                                    std::to_string(kid));
            error.hint = "rewrap first; what no master key opens must be given anew, or removed";
            return error;
          }
        auto ring = sealer_.keys().drop_key(path, kid);
        if (!ring) return ring.error();
        MasterKeysTable(db).remove(kid);
        sealer_.use(*std::move(ring));
        db.checkpoint_all();
        return master_keys_on(db);
      },
      std::move(done));
}

}  // namespace headworks::store
