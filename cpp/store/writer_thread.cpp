#include "store/writer_thread.hpp"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "base/thread.hpp"

namespace headworks::store {

struct WriterThread::Parts {
  std::uint32_t capacity = 0;
  std::mutex mutex;
  std::condition_variable wake;
  std::deque<Task> tasks;  // protected by mutex
  bool stopping = false;   // protected by mutex
  std::thread thread;
};

WriterThread::WriterThread(std::uint32_t capacity) : parts_(std::make_unique<Parts>()) {
  parts_->capacity = capacity;
}

base::Result<std::unique_ptr<WriterThread>> WriterThread::start(Options options) {
  std::unique_ptr<WriterThread> writer{new WriterThread(options.queue)};
  std::promise<base::Result<std::string>> promise;
  std::future<base::Result<std::string>> opened = promise.get_future();
  writer->parts_->thread =
      std::thread([&writer = *writer, promise = std::move(promise), options = std::move(options)]() mutable {
        const bool ledger = options.database == Database::usage;
        base::begin_thread(ledger ? "hw-ledger" : "hw-catalog", ledger ? base::Urgency::background : base::Urgency::normal);
        writer.work(std::move(promise), std::move(options));
      });
  base::Result<std::string> set_aside = opened.get();
  if (!set_aside) return std::move(set_aside).error();
  writer->set_aside_ = *std::move(set_aside);
  return writer;
}

WriterThread::~WriterThread() {
  {
    const std::scoped_lock lock(parts_->mutex);
    parts_->stopping = true;
  }
  parts_->wake.notify_one();
  parts_->thread.join();
}

base::Error WriterThread::overloaded() {
  return base::fail(base::ErrorKind::overloaded, "the store has too much to do; try again");
}

bool WriterThread::push(Task task) {
  {
    const std::scoped_lock lock(parts_->mutex);
    if (parts_->tasks.size() >= parts_->capacity) return false;
    parts_->tasks.push_back(std::move(task));
  }
  parts_->wake.notify_one();
  return true;
}

void WriterThread::work(std::promise<base::Result<std::string>> opened, Options options) {
  std::optional<Connection> db;
  try {
    Opened made = open_writer(options.path, options.database, options.busy_timeout, options.now);
    db.emplace(std::move(made.connection));
    opened.set_value(std::move(made.set_aside));
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
    task(*db);
  }
  db->checkpoint_all();
}

}  // namespace headworks::store
