#include "store/usage_writer.hpp"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include "base/thread.hpp"
#include "store/attempts_table.hpp"

namespace headworks::store {
namespace {

using Records = std::vector<telemetry::ExchangeRecord>;

std::uint32_t rows_of(const Records& records) {
  std::uint32_t rows = 0;
  for (const telemetry::ExchangeRecord& record : records)
    rows += static_cast<std::uint32_t>(record.attempts.size());
  return rows;
}

struct Batch {
  Records records;
  std::uint32_t rows = 0;
  std::chrono::steady_clock::time_point accepted;
  std::uint64_t number = 0;  // of the newest accept() in it
};

}  // namespace

struct UsageWriter::Parts {
  mutable std::mutex mutex;
  std::condition_variable wake;          // something to do, or the end
  std::condition_variable settled;       // a batch was written
  std::deque<Batch> backlog;             // all below: protected by mutex
  std::uint32_t waiting_rows = 0;        // in the backlog, the batch in work included
  std::uint64_t accepted = 0, done = 0;  // numbers of accept() calls
  std::uint64_t written = 0, dropped = 0;
  std::string failure;
  bool stopping = false;
  std::uint32_t flushing = 0;            // who waits in flush()
  std::chrono::steady_clock::time_point last_write;
  Batch in_work;  // pacing thread only, but for `accepted` under the mutex
  bool working = false;
  bool unsummed = false;                           // pacing thread only: rows were written that are in no sum yet
  std::chrono::steady_clock::time_point last_sum;  // the same
  Names names;                                     // the database's thread only
  UsageSums sums;                                  // the same
  std::thread thread;

  template <class Body>
  auto in_transaction(Connection& db, Body body) {
    try {
      Transaction transaction(db);
      if (db.changed_elsewhere()) {  // a process that hands over to us, or the one that takes over
        names.forget();
        sums.forget();
      }
      auto result = body();
      transaction.commit();
      return result;
    } catch (const StorageFailure&) {
      names.forget();
      sums.forget();
      throw;
    }
  }
  bool sum(Connection& db) {
    return in_transaction(db, [&] {
      if (sums.complete()) return true;
      sums.begin(db);
      sums.end(db, true);
      return true;
    });
  }
};

UsageWriter::UsageWriter(Options options, std::unique_ptr<DatabaseThread> writer)
    : options_(std::move(options)), writer_(std::move(writer)), parts_(std::make_unique<Parts>()) {
  parts_->thread = std::thread([this] {
    base::begin_thread("hw-ledger-pace", base::Urgency::background);
    pace();
  });
}

base::Result<std::unique_ptr<UsageWriter>> UsageWriter::start(Options options) {
  auto writer = DatabaseThread::start({.path = options.path,
                                     .database = Database::usage,
                                     .busy_timeout = options.busy_timeout,
                                     .now = options.now,
                                     .migrates = options.migrates});
  if (!writer) return std::move(writer).error();
  return std::unique_ptr<UsageWriter>(new UsageWriter(std::move(options), *std::move(writer)));
}

UsageWriter::~UsageWriter() {
  {
    const std::scoped_lock lock(parts_->mutex);
    parts_->stopping = true;
  }
  parts_->wake.notify_one();
  parts_->thread.join();
  writer_.reset();  // what it was asked for still uses the parts
}

void UsageWriter::accept(std::span<const telemetry::ExchangeRecord> records) {
  Batch batch;
  batch.records.reserve(records.size());
  for (const telemetry::ExchangeRecord& record : records)
    if (!record.attempts.empty()) batch.records.push_back(record);
  if (batch.records.empty()) return;
  batch.rows = rows_of(batch.records);
  batch.accepted = std::chrono::steady_clock::now();
  {
    const std::scoped_lock lock(parts_->mutex);
    if (parts_->waiting_rows + batch.rows > options_.backlog) {
      parts_->dropped += batch.rows;
      return;
    }
    batch.number = ++parts_->accepted;
    parts_->waiting_rows += batch.rows;
    parts_->backlog.push_back(std::move(batch));
  }
  parts_->wake.notify_one();
}

void UsageWriter::pace() {
  base::Duration wait{};  // zero: the last batch was written
  while (true) {
    {
      std::unique_lock lock(parts_->mutex);
      if (wait == base::Duration::zero()) {
        const auto has_work = [this] { return parts_->stopping || parts_->working || !parts_->backlog.empty(); };
        if (parts_->unsummed) parts_->wake.wait_until(lock, parts_->last_sum + options_.sum_every, has_work);
        else parts_->wake.wait(lock, has_work);
        // The first row after a pause is written at once; under traffic rows share a transaction.
        parts_->wake.wait_until(lock, parts_->last_write + options_.gather, [this] {
          return parts_->stopping || parts_->flushing > 0 || parts_->waiting_rows >= options_.batch;
        });
      } else {
        parts_->wake.wait_for(lock, wait, [this] { return parts_->stopping; });
      }
      if (!parts_->working && parts_->backlog.empty()) {
        lock.unlock();
        sum_up();  // what fails here is made up for at the next write, or start
        lock.lock();
        if (parts_->stopping) return;
        continue;
      }
    }
    if (write_batch()) {
      parts_->unsummed = true;
      wait = base::Duration::zero();
      continue;
    }
    wait = wait == base::Duration::zero() ? options_.retry_first : std::min(wait * 2, options_.retry_cap);
    const std::scoped_lock lock(parts_->mutex);
    if (!parts_->stopping) continue;
    parts_->dropped += parts_->waiting_rows;
    return;
  }
}

void UsageWriter::sum_up() {
  if (!parts_->unsummed) return;
  writer_->run([this](Connection& db) { return parts_->sum(db); });
  parts_->unsummed = false;
  parts_->last_sum = std::chrono::steady_clock::now();
}

bool UsageWriter::post_sum(std::function<void(base::Result<bool>)> done) {
  return writer_->post([this](Connection& db) { return parts_->sum(db); }, std::move(done));
}

bool UsageWriter::post_import(std::vector<telemetry::ExchangeRecord> records,
                              std::function<void(base::Result<std::uint64_t>)> done) {
  return writer_->post(
      [this, records = std::move(records)](Connection& db) {
        return parts_->in_transaction(db, [&] {
          const std::uint64_t rows = AttemptsTable(db).insert(records, parts_->names, parts_->sums);
          parts_->sums.end(db, true);
          return rows;
        });
      },
      std::move(done));
}

// True when the batch in work (the last one again if it failed, else what has gathered) is in the ledger.
bool UsageWriter::write_batch() {
  Batch& batch = parts_->in_work;
  {
    const std::scoped_lock lock(parts_->mutex);
    while (!parts_->backlog.empty() && (!parts_->working || batch.rows < options_.batch)) {
      Batch& next = parts_->backlog.front();
      if (!parts_->working) {
        batch = std::move(next);
        parts_->working = true;
      } else {
        std::move(next.records.begin(), next.records.end(), std::back_inserter(batch.records));
        batch.rows += next.rows;
        batch.number = next.number;
      }
      parts_->backlog.pop_front();
    }
  }
  const auto now = std::chrono::steady_clock::now();
  const bool sum = now - parts_->last_sum >= options_.sum_every;
  const base::Result<std::uint64_t> added = writer_->run([this, &batch, sum](Connection& db) {
    return parts_->in_transaction(db, [&] {
      const std::uint64_t rows = AttemptsTable(db).insert(batch.records, parts_->names, parts_->sums);
      parts_->sums.end(db, sum);
      return rows;
    });
  });
  if (added && sum) parts_->last_sum = now;
  Records done;  // freed after the lock: it may hold the last snapshot of its kind
  {
    const std::scoped_lock lock(parts_->mutex);
    if (!added) {
      parts_->failure = added.error().message + " (" + added.error().detail + ")";
      return false;
    }
    parts_->failure.clear();
    parts_->written += *added;
    parts_->waiting_rows -= batch.rows;
    parts_->done = batch.number;
    parts_->working = false;
    parts_->last_write = std::chrono::steady_clock::now();
    done.swap(batch.records);
  }
  parts_->settled.notify_all();
  return true;
}

bool UsageWriter::flush(base::Duration limit) {
  std::unique_lock lock(parts_->mutex);
  const std::uint64_t target = parts_->accepted;
  ++parts_->flushing;
  parts_->wake.notify_one();
  const bool written = parts_->settled.wait_for(lock, limit, [&] { return parts_->done >= target; });
  --parts_->flushing;
  return written;
}

std::uint64_t UsageWriter::written() const {
  const std::scoped_lock lock(parts_->mutex);
  return parts_->written;
}
std::uint64_t UsageWriter::dropped() const {
  const std::scoped_lock lock(parts_->mutex);
  return parts_->dropped;
}
std::string UsageWriter::failure() const {
  const std::scoped_lock lock(parts_->mutex);
  return parts_->failure;
}

base::Duration UsageWriter::lag() const {
  const std::scoped_lock lock(parts_->mutex);
  if (!parts_->working && parts_->backlog.empty()) return {};
  return std::chrono::steady_clock::now() -
         (parts_->working ? parts_->in_work.accepted : parts_->backlog.front().accepted);
}

}  // namespace headworks::store
