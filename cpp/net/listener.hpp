// Listener: accepts on one loop and starts a ClientSession for each connection.
//
// It survives what plain accept loops do not: at EMFILE it does not spin but closes one waiting connection by a spare
// descriptor and pauses; at the connection limit it pauses and lets the backlog wait. Loop-owned.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "net/client_session.hpp"
#include "net/event_loop.hpp"
#include "net/tls.hpp"

namespace headworks::net {

// Where the server listens; parsed from "HOST:PORT" ("[::1]:8080", "127.0.0.1:0").
struct ListenAddress {
  std::string host;
  std::uint16_t port = 0;
};
base::Result<ListenAddress> parse_listen_address(std::string_view text);

// Opens `count` listening sockets on one address (SO_REUSEPORT when count > 1, so that the kernel spreads
// connections over the loops). Port 0: any free one, the same for all. `port` receives it. Kind conflict when the
// address is in use, also by another process that would share it.
base::Result<std::vector<int>> open_listeners(const ListenAddress& address, std::size_t count, std::uint16_t& port);

// Connections of all loops together, against limits.connections: never one too many, whichever loops accept at once.
// A gauge.
struct ConnectionCount {
  std::atomic<std::uint32_t> now{0};
  std::atomic<std::uint32_t> limit{10'000};
};

// One connection's place in the count, from before it is accepted to its end.
class ConnectionPlace {
 public:
  // Holds nothing when the count is full.
  static ConnectionPlace take(std::shared_ptr<ConnectionCount> count);
  ConnectionPlace(ConnectionPlace&& other) noexcept = default;
  ConnectionPlace& operator=(ConnectionPlace&&) = delete;
  ~ConnectionPlace() {
    if (count_ != nullptr) count_->now.fetch_sub(1, std::memory_order_relaxed);
  }
  bool held() const { return count_ != nullptr; }

 private:
  explicit ConnectionPlace(std::shared_ptr<ConnectionCount> count) : count_(std::move(count)) {}
  std::shared_ptr<ConnectionCount> count_;
};

class Listener final : private Pollable, private Timer {
 public:
  // Takes over `fd`. `tls` may be null. Nobody is accepted before accept().
  Listener(EventLoop& loop, int fd, Handler& handler, const SessionLimits& limits,
           std::shared_ptr<TlsServerContext> tls, std::shared_ptr<ConnectionCount> connections,
           std::shared_ptr<BodyMemory> body_memory);
  ~Listener() override;

  void set_limits(const SessionLimits& limits) { context_.limits = limits; }

  void accept();
  // Stops accepting, closes idle connections, lets running exchanges finish.
  void drain();
  // Stops accepting but keeps the socket, whose queue another process serves; gives connections to `heir` as they
  // become idle. Until take_back() and accept(), or drain().
  void hand_over(Heir heir);
  void take_back();
  // A connection that another process has accepted, between two requests. Takes over `fd`.
  void adopt(int fd);
  // Connections on which a request may still begin here.
  std::size_t beginning() const;
  std::size_t sessions() const { return context_.count; }

 private:
  static Task<> run_session(std::unique_ptr<ClientSession> session, ConnectionPlace place);
  void on_ready(Readiness readiness) override;
  void on_expired() override { accept_some(); }
  void accept_some();
  void begin(int fd, const sockaddr_storage& peer, ConnectionPlace place, bool adopted);
  bool accept_one();  // false: nothing more for now
  void shed_one();

  SessionContext context_;
  int fd_;
  int spare_;  // a descriptor kept for the moment when none is left
  std::shared_ptr<TlsServerContext> tls_;
  std::shared_ptr<ConnectionCount> connections_;
};

}  // namespace headworks::net
