// Puts each change of the configuration on probation, for as long as settings.probation says: when failures grow past
// its bound in the pools that the change touched, what was there before is restored, as a change of its own that says
// why. By a thread of its own, beside the loops. The rules: telemetry/probation.hpp.
#pragma once

#include <condition_variable>
#include <mutex>
#include <span>
#include <thread>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "catalog/catalog.hpp"
#include "store/store.hpp"
#include "telemetry/probation.hpp"

namespace headworks::app {

class ChangeWatch {
 public:
  // All must outlive this.
  ChangeWatch(store::Store& store, const catalog::Catalog& catalog, const base::Clock& clock, base::Log& log);
  ~ChangeWatch();
  ChangeWatch(const ChangeWatch&) = delete;

  // Sink of the recorder.
  void on_exchanges(std::span<const telemetry::ExchangeRecord> records);

 private:
  void run();
  void look();
  void begin(const catalog::Snapshot& snapshot);
  void restore(const telemetry::Probation::Worse& worse);

  store::Store& store_;
  const catalog::Catalog& catalog_;
  const base::Clock& clock_;
  base::Log& log_;
  std::uint64_t seen_;  // the newest revision that was looked at; its thread only
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;            // protected by mutex_
  telemetry::Probation probation_;   // protected by mutex_
  std::thread thread_;               // last: it uses everything above
};

}  // namespace headworks::app
