#include "store/database_thread.hpp"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "base/thread.hpp"
#include "store/turn.hpp"

namespace headworks::store {

struct DatabaseThread::Parts {
  std::uint32_t capacity = 0;
  std::mutex mutex;
  std::condition_variable wake;
  std::deque<Task> tasks;  // protected by mutex
  bool stopping = false;   // protected by mutex
  std::thread thread;
};

DatabaseThread::DatabaseThread(std::uint32_t capacity) : parts_(std::make_unique<Parts>()) {
  parts_->capacity = capacity;
}

base::Result<std::unique_ptr<DatabaseThread>> DatabaseThread::start(Options options) {
  std::unique_ptr<DatabaseThread> writer{new DatabaseThread(options.queue)};
  std::promise<base::Result<std::string>> promise;
  std::future<base::Result<std::string>> opened = promise.get_future();
  writer->parts_->thread =
      std::thread([&writer = *writer, promise = std::move(promise), options = std::move(options)]() mutable {
        const bool ledger = options.database == Database::usage;
        const bool reads = options.mode == Connection::Mode::reader;
        base::begin_thread(reads ? "hw-reader" : ledger ? "hw-ledger" : "hw-catalog", ledger ? base::Urgency::background : base::Urgency::normal);
        writer.work(std::move(promise), std::move(options));
      });
  base::Result<std::string> set_aside = opened.get();
  if (!set_aside) return std::move(set_aside).error();
  writer->set_aside_ = *std::move(set_aside);
  return writer;
}

DatabaseThread::~DatabaseThread() {
  {
    const std::scoped_lock lock(parts_->mutex);
    parts_->stopping = true;
  }
  parts_->wake.notify_one();
  parts_->thread.join();
}

base::Error DatabaseThread::overloaded() {
  return base::fail(base::ErrorKind::overloaded, "the store has too much to do; try again");
}

bool DatabaseThread::push(Task task) {
  {
    const std::scoped_lock lock(parts_->mutex);
    if (parts_->tasks.size() >= parts_->capacity) return false;
    parts_->tasks.push_back(std::move(task));
  }
  parts_->wake.notify_one();
  return true;
}

void DatabaseThread::work(std::promise<base::Result<std::string>> opened, Options options) {
  std::optional<Connection> db;
  const bool reads = options.mode == Connection::Mode::reader;
  std::optional<TurnFile> turns;
  try {
    if (reads) {
      db.emplace(open_reader(options.path, options.busy_timeout));
      opened.set_value({});
    } else {
      turns.emplace(options.path);
      const TurnFile::Turn turn = turns->take();
      Opened made = open_writer(options.path, options.database, options.busy_timeout, options.now, options.migrates);
      db.emplace(std::move(made.connection));
      opened.set_value(std::move(made.set_aside));
    }
  } catch (const StorageFailure& failure) {
    return opened.set_value(failure.error());
  }
  while (true) {
    std::unique_lock lock(parts_->mutex);
    parts_->wake.wait(lock, [this] { return parts_->stopping || !parts_->tasks.empty(); });
    if (parts_->tasks.empty()) break;
    const Task task = std::move(parts_->tasks.front());
    parts_->tasks.pop_front();
    lock.unlock();
    if (options.time_limit > base::Duration::zero())
      db->set_deadline(std::chrono::steady_clock::now() + options.time_limit);
    if (turns) {
      const TurnFile::Turn turn = turns->take();
      task(*db);
    } else {
      task(*db);
    }
  }
  if (reads) return;
  const TurnFile::Turn turn = turns->take();
  db->checkpoint_all();
}

}  // namespace headworks::store
