// Names to addresses, without ever letting one slow name hold up another: getaddrinfo runs on threads of its own (one
// per name in flight, up to a bound), answers are cached by the loop that asked, and a stale answer serves while a
// fresh one is fetched.
//
// NameRecord: a pure machine. Resolver: shared, thread-safe. DnsCache: loop-owned.
#pragma once

#include <sys/socket.h>

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "net/event_loop.hpp"

namespace headworks::net {

struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;
};

// Link-local (also the cloud metadata address), unspecified and multicast addresses are never connected to: judged on
// the address itself, hence also after DNS.
bool is_forbidden(const Address& address);

// What is known of one name, and what follows from it: an answer is good for kFresh, and better than none for
// kStale after it was last confirmed; a failure is believed for kNegative. Takes time as an argument.
class NameRecord {
 public:
  static constexpr base::Duration kFresh = std::chrono::seconds(30);
  static constexpr base::Duration kStale = std::chrono::hours(1);
  static constexpr base::Duration kNegative = std::chrono::seconds(1);

  enum class Verdict : std::uint8_t {
    use,              // addresses()
    use_and_refresh,  // the same, and ask meanwhile
    fail,             // error(): it was asked a moment ago
    ask,              // and wait
    wait,             // it is being asked
  };
  Verdict judge(base::TimePoint now) const;
  void on_asked() { asked_ = true; }
  // No addresses: `error` says why.
  void on_answer(std::vector<Address> addresses, std::string error, base::TimePoint now);

  const std::vector<Address>& addresses() const { return addresses_; }
  const std::string& error() const { return error_; }
  bool asked() const { return asked_; }

 private:
  std::vector<Address> addresses_;  // the last good ones
  std::string error_;               // of the last answer; empty: it was good
  base::TimePoint confirmed_{};     // the last good answer
  base::TimePoint answered_{};      // the last one
  bool asked_ = false;
  bool known_ = false;  // there was an answer
};

class Resolver {
 public:
  // Empty addresses: the name does not exist, or nobody answered; `error` says which.
  using Answer = std::function<void(std::vector<Address> addresses, std::string error)>;

  Resolver() = default;
  ~Resolver();
  Resolver(const Resolver&) = delete;

  // Calls `answer` on a thread of the resolver's.
  void ask(std::string host, std::uint16_t port, Answer answer);

 private:
  static constexpr std::size_t kMaxThreads = 16;
  struct Job {
    std::string host;
    std::uint16_t port;
    Answer answer;
  };
  void work();

  std::mutex mutex_;  // guards everything below
  std::condition_variable wake_;
  std::vector<Job> jobs_;
  std::vector<std::thread> threads_;
  std::size_t idle_ = 0;
  bool stopping_ = false;
};

class DnsCache {
 public:
  DnsCache(EventLoop& loop, std::shared_ptr<Resolver> resolver)
      : loop_(loop), resolver_(std::move(resolver)), state_(std::make_shared<State>()) {}

  // Addresses of `host`; literals need no lookup. `waiting` is set while the coroutine sleeps, so that its owner can
  // interrupt it. Kind upstream_connect (no address; only forbidden ones; no answer before `deadline`).
  Task<base::Result<std::vector<Address>>> resolve(const std::string& host, std::uint16_t port,
                                                   base::TimePoint deadline, Sleep*& waiting);

 private:
  struct Entry {
    NameRecord record;
    std::vector<Sleep*> waiters;
  };
  struct State {
    std::unordered_map<std::string, Entry> entries;
  };
  void fetch(const std::string& key, const std::string& host, std::uint16_t port);

  EventLoop& loop_;
  std::shared_ptr<Resolver> resolver_;
  std::shared_ptr<State> state_;  // answers hold it weakly: they may come after our end
};

}  // namespace headworks::net
