// DatabaseThread: one thread that owns one connection to a database file. One per file writes, and each of its jobs is
// a turn (turn.hpp): while a server hands over to another process, both have one. Readers of the ledger have their
// own, so that no question waits for a batch, or holds one up. Whoever wants something
// written or read hands over a job; jobs run one after the other, in order.
//
// Thread-safe. Jobs run on the thread and nowhere else; a job must not call run(). What a job throws becomes
// its Error: this is one of the three places where exceptions are caught. Must not know: what jobs do.
#pragma once

#include <functional>
#include <future>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include "store/schema.hpp"

namespace headworks::store {

namespace detail {
template <class T>
struct ResultOf {
  using type = base::Result<T>;
};
template <class T>
struct ResultOf<base::Result<T>> {
  using type = base::Result<T>;
};
}  // namespace detail

// What a job that returns T answers: Result<T>; a Result stays itself.
template <class Job>
using JobResult = typename detail::ResultOf<std::invoke_result_t<Job&, Connection&>>::type;

class DatabaseThread {
 public:
  struct Options {
    std::string path;
    Database database = Database::catalog;
    Connection::Mode mode = Connection::Mode::writer;
    base::Duration time_limit{};  // of one job of a reader; zero: none. Kind deadline_exceeded
    std::chrono::milliseconds busy_timeout{5000};  // how long a job waits for another process's lock
    std::uint32_t queue = 1024;                    // jobs waiting
    base::WallTime now{};                          // names a damaged file that is set aside
    bool migrates = true;                          // false: a file of another version is refused
  };

  // A writer opens, checks and migrates the file on the new thread; a reader only opens it. Blocking.
  static base::Result<std::unique_ptr<DatabaseThread>> start(Options options);

  // Runs what is queued, ends the thread; a writer moves the log into the file.
  ~DatabaseThread();
  DatabaseThread(const DatabaseThread&) = delete;
  DatabaseThread& operator=(const DatabaseThread&) = delete;

  // Runs `job(Connection&)` and waits for its answer. Any thread but this one and an event loop. Kind
  // overloaded when the queue is full.
  template <class Job>
  JobResult<Job> run(Job job) {
    // Shared: the caller may be gone before set_value() has returned.
    auto promise = std::make_shared<std::promise<JobResult<Job>>>();
    std::future<JobResult<Job>> answer = promise->get_future();
    const bool queued = push([&job, promise](Connection& db) { promise->set_value(guarded(job, db)); });
    if (!queued) return overloaded();
    return answer.get();
  }

  // Queues `job(Connection&)`; `done(Result)` is called on this thread afterwards and must return at once.
  // Any thread, loops too: never waits. False, and nothing is called, when the queue is full.
  template <class Job, class Done>
  bool post(Job job, Done done) {
    auto shared = std::make_shared<std::pair<Job, Done>>(std::move(job), std::move(done));
    return push([shared](Connection& db) { shared->second(guarded(shared->first, db)); });
  }

  // Where a damaged usage.db went when it was opened; empty: it was fine.
  const std::string& set_aside() const { return set_aside_; }

 private:
  using Task = std::function<void(Connection&)>;
  struct Parts;

  template <class Job>
  static JobResult<Job> guarded(Job& job, Connection& db) {
    try {
      if constexpr (std::is_void_v<std::invoke_result_t<Job&, Connection&>>) {
        job(db);
        return {};
      } else {
        return job(db);
      }
    } catch (const StorageFailure& failure) {
      return failure.error();
    } catch (const std::exception& bug) {
      return base::fail(base::ErrorKind::internal, "the store failed", bug.what());
    }
  }

  static base::Error overloaded();
  explicit DatabaseThread(std::uint32_t capacity);
  bool push(Task task);
  void work(std::promise<base::Result<std::string>> opened, Options options);

  std::string set_aside_;
  std::unique_ptr<Parts> parts_;
};

}  // namespace headworks::store
