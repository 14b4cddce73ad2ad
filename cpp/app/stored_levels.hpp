// The levels of buckets and budgets on their way to usage.db, and back into the gauges at a start: a restart
// is no way around a limit. What changed is saved twice a second by a thread of its own, and once more at the
// end; a crash forgets what was taken in the last half second.
#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>
#include <unordered_map>

#include "base/clock.hpp"
#include "catalog/catalog.hpp"
#include "store/levels_table.hpp"
#include "store/usage_writer.hpp"

namespace headworks::app {

class StoredLevels {
 public:
  // All must outlive this.
  StoredLevels(store::UsageWriter& ledger, const catalog::Catalog& catalog, const base::Clock& clock);
  // Saves once more.
  ~StoredLevels();
  StoredLevels(const StoredLevels&) = delete;

  // REQUIRES that nothing is routed yet.
  static base::Result<void> restore(store::UsageWriter& ledger, const catalog::Snapshot& snapshot,
                                    const base::Clock& clock);

 private:
  static constexpr base::Duration kPeriod = std::chrono::milliseconds{500};
  void run();
  void save();
  void collect(std::vector<store::LevelRow>& changed);
  void add(std::vector<store::LevelRow>& changed, const std::string& owner, std::string_view kind,
           std::vector<std::int64_t> numbers);

  store::UsageWriter& ledger_;
  const catalog::Catalog& catalog_;
  const base::Clock& clock_;
  std::unordered_map<std::string, std::vector<std::int64_t>> saved_;  // by owner and kind; the thread's
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;  // protected by mutex_
  std::thread thread_;     // last: it uses everything above
};

}  // namespace headworks::app
