#include "upstream/upstream.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <functional>
#include <future>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <vector>

#include "upstream/connection.hpp"
#include "upstream/script.hpp"

namespace headworks::upstream {
namespace {

constexpr int kBacklog = 4'096;
// With a backlog of 0 the kernel completes one or two connections before it stops answering: these take the
// places.
constexpr int kFillers = 4;

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

std::uint16_t port_of(int fd) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  return ntohs(address.sin_port);
}

base::Result<int> make_listener(std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const sockaddr_in address = loopback(port);
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(fd, kBacklog) != 0) {
    const std::error_code reason(errno, std::generic_category());
    ::close(fd);
    return base::fail(base::ErrorKind::upstream_connect,
                      "cannot listen on 127.0.0.1:" + std::to_string(port) + ": " + reason.message());
  }
  return fd;
}

}  // namespace

// Everything but the constructor, ask() and stop() runs on the loop's own thread.
class Upstream::Loop {
 public:
  Loop(int listener, Script script)
      : listener_(listener),
        port_(port_of(listener)),
        stage_(std::move(script), std::chrono::steady_clock::now()) {
    stage_.epoll = ::epoll_create1(EPOLL_CLOEXEC);
    wake_ = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    add(wake_, &wake_);
    add(listener_, &listener_);
    obey_accept();
    thread_ = std::thread([this] { run(); });
  }
  ~Loop() {
    stop();
    ::close(wake_);
  }

  std::uint16_t port() const { return port_; }
  Stage& stage() { return stage_; }

  // Runs the job on the loop and waits for it; after stop() it runs at once, on the caller's thread.
  void ask(std::function<void()> job) {
    std::unique_lock lock(mutex_);
    if (stopped_) return job();
    // Shared with the job: the waiter may be gone before set_value() has returned.
    const auto done = std::make_shared<std::promise<void>>();
    const std::future<void> ended = done->get_future();
    jobs_.push_back([&job, done] { job(), done->set_value(); });
    lock.unlock();
    wake();
    ended.wait();
  }

  void stop() {
    {
      const std::lock_guard lock(mutex_);
      if (std::exchange(stopping_, true)) return;
    }
    wake();
    thread_.join();
  }

  void obey_accept() {
    const bool stall = stage_.director.accept().action == AcceptAction::stall;
    if (listener_ < 0 || stall == !fillers_.empty()) return;
    for (const int fd : fillers_) ::close(fd);
    fillers_.clear();
    ::listen(listener_, stall ? 0 : kBacklog);
    if (!stall) return add(listener_, &listener_);
    ::epoll_ctl(stage_.epoll, EPOLL_CTL_DEL, listener_, nullptr);
    const sockaddr_in address = loopback(port_);
    for (int i = 0; i < kFillers; ++i) {
      fillers_.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
      ::connect(fillers_.back(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
    }
  }

 private:
  void add(int fd, void* tag) const {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = tag;
    ::epoll_ctl(stage_.epoll, EPOLL_CTL_ADD, fd, &event);
  }

  void wake() const {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = ::write(wake_, &one, sizeof one);
  }

  void run() {
    std::array<epoll_event, 256> events;
    while (run_jobs()) {
      const int timeout = stage_.eager.empty() ? stage_.wheel.timeout(std::chrono::steady_clock::now()) : 0;
      const int count = ::epoll_wait(stage_.epoll, events.data(), static_cast<int>(events.size()), timeout);
      for (int i = 0; i < count; ++i) dispatch(events[static_cast<std::size_t>(i)]);
      stage_.wheel.advance(std::chrono::steady_clock::now());
      for (Connection* const one : std::exchange(stage_.eager, {})) one->on_turn();
      reap();
    }
    end();
  }

  void dispatch(const epoll_event& event) {
    if (event.data.ptr == &listener_) return accept_all();
    if (event.data.ptr == &wake_) {
      std::uint64_t count = 0;
      [[maybe_unused]] const ssize_t size = ::read(wake_, &count, sizeof count);
      return;
    }
    static_cast<Connection*>(event.data.ptr)->on_events(event.events);
    if (stage_.director.take_script_changed()) obey_accept();
  }

  void accept_all() {
    for (;;) {
      const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd < 0) return;
      const int on = 1;
      ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      const AcceptAction action = stage_.director.on_accept();
      if (action == AcceptAction::close || action == AcceptAction::reset) {
        const linger now{.l_onoff = action == AcceptAction::reset, .l_linger = 0};
        ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
        ::close(fd);
        continue;
      }
      auto connection =
          std::make_unique<Connection>(stage_, fd, next_connection_++, action == AcceptAction::hang);
      Connection* const key = connection.get();
      connections_.emplace(key, std::move(connection));
    }
  }

  void reap() {
    for (Connection* const one : stage_.gone) {
      std::erase(stage_.eager, one);
      connections_.erase(one);
    }
    stage_.gone.clear();
  }

  bool run_jobs() {
    std::vector<std::function<void()>> jobs;
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) return false;
      jobs.swap(jobs_);
    }
    for (const auto& job : jobs) job();
    return true;
  }

  // From here on ask() runs jobs itself; those that wait are run now.
  void end() {
    connections_.clear();
    stage_.gone.clear();
    for (const int fd : fillers_) ::close(fd);
    fillers_.clear();
    ::close(std::exchange(listener_, -1));
    ::close(stage_.epoll);
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    for (const auto& job : jobs_) job();
    jobs_.clear();
  }

  int listener_;
  const std::uint16_t port_;
  int wake_ = -1;
  Stage stage_;
  std::unordered_map<Connection*, std::unique_ptr<Connection>> connections_;
  std::uint64_t next_connection_ = 1;
  std::vector<int> fillers_;

  std::mutex mutex_;
  std::vector<std::function<void()>> jobs_;  // guarded by mutex_, as are the two flags
  bool stopping_ = false;
  bool stopped_ = false;
  std::thread thread_;
};

base::Result<std::unique_ptr<Upstream>> Upstream::start(std::uint16_t port, std::string_view script_json) {
  auto script = parse_script(script_json);
  if (!script) return script.error();
  const auto listener = make_listener(port);
  if (!listener) return listener.error();
  return std::unique_ptr<Upstream>(new Upstream(std::make_unique<Loop>(*listener, std::move(*script))));
}

Upstream::Upstream(std::unique_ptr<Loop> loop) : loop_(std::move(loop)) {}
Upstream::~Upstream() = default;

std::uint16_t Upstream::port() const { return loop_->port(); }
std::string Upstream::url() const { return "http://127.0.0.1:" + std::to_string(port()); }

base::Result<void> Upstream::set_script(std::string_view script_json) {
  auto script = parse_script(script_json);
  if (!script) return script.error();
  loop_->ask([&] {
    loop_->stage().director.set_script(std::move(*script));
    loop_->obey_accept();
  });
  return {};
}

std::string Upstream::journal() const {
  std::string out;
  loop_->ask([&] { out = loop_->stage().director.journal().entries_json(); });
  return out;
}

std::string Upstream::stats() const {
  std::string out;
  loop_->ask([&] { out = loop_->stage().director.journal().stats_json(); });
  return out;
}

void Upstream::clear_journal() {
  loop_->ask([&] { loop_->stage().director.journal().clear(); });
}

void Upstream::stop() { loop_->stop(); }

}  // namespace headworks::upstream
