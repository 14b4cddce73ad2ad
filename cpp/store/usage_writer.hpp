// UsageWriter: takes finished exchanges and writes them to the ledger, a batch at a time, one transaction per
// batch. When the disk is full or the file locked it keeps a bounded backlog and tries again until it
// succeeds; what does not fit any more is dropped and counted. It never makes anybody wait.
//
// accept() from one or more threads (the recorder's sink); the other questions from any thread. Two threads
// of its own: one that paces, one that owns the connection. Must not know: loops, metrics, what a price is.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "store/database_thread.hpp"
#include "telemetry/exchange_record.hpp"

namespace headworks::store {

class UsageWriter {
 public:
  struct Options {
    std::string path;                                             // usage.db
    std::uint32_t backlog = 50'000;                               // rows waiting, the batch in work included
    std::uint32_t batch = 2'000;                                  // rows per transaction, about
    base::Duration gather = std::chrono::milliseconds{150};       // between two batches that are not full
    base::Duration sum_every = std::chrono::seconds{5};           // rows go into the tables of sums that often
    base::Duration retry_first = std::chrono::milliseconds{250};  // after a failure; doubles
    base::Duration retry_cap = std::chrono::seconds{5};
    std::chrono::milliseconds busy_timeout{1000};
    base::WallTime now{};  // names a damaged file that is set aside
    bool migrates = true;  // false: a file of another version, or a damaged one, is refused
  };

  // Opens, checks and migrates usage.db; a damaged one is set aside (set_aside()) and a new one begun.
  static base::Result<std::unique_ptr<UsageWriter>> start(Options options);
  // Tries once more to write what is left, then ends both threads.
  ~UsageWriter();
  UsageWriter(const UsageWriter&) = delete;
  UsageWriter& operator=(const UsageWriter&) = delete;

  // Copies the records (and keeps what they point into alive) until they are written. Never waits for the
  // disk.
  void accept(std::span<const telemetry::ExchangeRecord> records);

  // Waits until everything accepted before the call is written or `limit` has passed; true when it is
  // written.
  bool flush(base::Duration limit);

  // Everything written goes into the tables of sums now, then `done` is called on the database's thread. For whoever is
  // about to read them; any thread. False when there is no room for the job.
  bool post_sum(std::function<void(base::Result<bool>)> done);

  // Records from elsewhere, in one transaction with their sums, then `done` with the number of rows that were not there
  // yet, on the database's thread. Any thread. False when there is no room for the job.
  bool post_import(std::vector<telemetry::ExchangeRecord> records, std::function<void(base::Result<std::uint64_t>)> done);

  std::uint64_t written() const;  // rows, since the start
  std::uint64_t dropped() const;  // rows
  // How long the oldest row that is not written yet has been waiting.
  base::Duration lag() const;
  // Why the last try failed; empty when it did not.
  std::string failure() const;

  const std::string& set_aside() const { return writer_->set_aside(); }
  // For jobs beside the ledger (retention, rollups): the only connection that writes to usage.db.
  DatabaseThread& writer() { return *writer_; }

 private:
  struct Parts;
  explicit UsageWriter(Options options, std::unique_ptr<DatabaseThread> writer);
  void pace();
  bool write_batch();
  void sum_up();

  const Options options_;
  std::unique_ptr<DatabaseThread> writer_;
  std::unique_ptr<Parts> parts_;
};

}  // namespace headworks::store
