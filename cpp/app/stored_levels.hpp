// The levels of buckets and budgets on their way to usage.db, and back into the gauges at a start: a restart
// is no way around a limit. What changed is saved twice a second by a thread of its own, and once more at the
// end; a crash forgets what was taken in the last half second.
//
// Of two processes, one that hands over and one that has taken over, the second keeps the levels. What exchanges that
// end in the first one used more, or less, than was held for them it leaves in the file, as rows of the kind `late`,
// and the second takes it from there.
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
  enum class Duty : std::uint8_t {
    keep,
    follow,  // keep, and take what the process before leaves
    leave,   // another process keeps them now: tell it what is settled from here on
  };
  // All must outlive this.
  StoredLevels(store::UsageWriter& ledger, const catalog::Catalog& catalog, const base::Clock& clock, Duty duty);
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
  void save_late();
  void collect_late(std::vector<store::LevelRow>& changed);
  void collect(std::vector<store::LevelRow>& changed);
  void add(std::vector<store::LevelRow>& changed, const std::string& owner, std::string_view kind,
           std::vector<std::int64_t> numbers);

  store::UsageWriter& ledger_;
  const catalog::Catalog& catalog_;
  const base::Clock& clock_;
  const Duty duty_;
  std::unordered_map<std::string, std::vector<std::int64_t>> saved_;  // by owner and kind; the thread's
  std::vector<store::LevelRow> untold_;  // leave: collected, but not written yet; the thread's
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;  // protected by mutex_
  std::thread thread_;     // last: it uses everything above
};

}  // namespace headworks::app
