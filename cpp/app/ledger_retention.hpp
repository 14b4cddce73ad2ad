// Keeps the ledger as long as settings.retention says, and no longer: once at the start, then every minute, by a thread
// of its own in small steps through the ledger's writer.
#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "catalog/catalog.hpp"
#include "store/usage_writer.hpp"

namespace headworks::app {

class LedgerRetention {
 public:
  // All must outlive this.
  LedgerRetention(store::UsageWriter& ledger, const catalog::Catalog& catalog, const base::Clock& clock, base::Log& log);
  ~LedgerRetention();
  LedgerRetention(const LedgerRetention&) = delete;

 private:
  void run();
  // False: the end was asked for.
  bool pause(base::Duration lasting);

  store::UsageWriter& ledger_;
  const catalog::Catalog& catalog_;
  const base::Clock& clock_;
  base::Log& log_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;  // protected by mutex_
  std::thread thread_;     // last: it uses everything above
};

}  // namespace headworks::app
