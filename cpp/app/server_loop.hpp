// ServerLoop: one event loop with everything that lives on it: listeners, planes, upstream connections, its view of
// the catalog; and the thread that runs it.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "admin/admin_plane.hpp"
#include "gateway/data_plane.hpp"
#include "net/listener.hpp"
#include "net/upstream_client.hpp"

namespace headworks::app {

net::SessionLimits session_limits(const catalog::Settings& settings);
routing::WaitingLine::Limits line_limits(const catalog::Settings::Queue& queue);

// Shared by all loops; outlives them.
struct ServerContext {
  gateway::SharedContext& shared;
  gateway::Readiness& readiness;
  std::shared_ptr<net::ConnectionCount> connections;
  std::shared_ptr<net::BodyMemory> body_memory;
  // Of their own, so that a flood of clients does not shut operators out.
  std::shared_ptr<net::ConnectionCount> admin_connections;
  std::shared_ptr<net::BodyMemory> admin_body_memory;
  std::shared_ptr<net::Resolver> resolver;
  std::shared_ptr<net::TlsClientContext> upstream_tls;
  std::shared_ptr<net::TlsServerContext> listener_tls;  // null: plain
  admin::AdminShared& admin;
};

class ServerLoop {
 public:
  // Takes over the listening sockets, one at least; `admin_fd` < 0: this loop has no admin listener.
  ServerLoop(std::uint32_t index, std::uint64_t seed, ServerContext& context,
             std::shared_ptr<const catalog::Snapshot> snapshot, const std::vector<int>& data_fds, int admin_fd);
  ~ServerLoop();  // ends the loop and its thread

  // Before start().
  void set_waiting_room(gateway::WaitingRoom& room) { context_.waiting_room = &room; }
  net::EventLoop& event_loop() { return loop_; }

  void start();
  // Waits for the thread to end. REQUIRES stop().
  void join();
  // All thread-safe, all return at once.
  void set_snapshot(std::shared_ptr<const catalog::Snapshot> snapshot);
  // `taken` is called on the loop's thread, once it has it.
  void set_hooks(std::shared_ptr<const hooks::HookSet> hooks, std::function<void()> taken);
  void drain();
  void stop() { loop_.stop(); }
  // A connection that another process has accepted. Takes over the descriptor.
  void adopt(bool admin, int fd);

  // The rest on the loop's thread. From now on clients are served.
  void accept();
  // Another process takes over. Stops accepting and gives what is idle away.
  void hand_over(const net::Heir& data_heir, const net::Heir& admin_heir);
  void take_back();
  // Exchanges, begun or about to begin, that may still take something from buckets and budgets.
  std::size_t unsettled() const;
  // Closed: nothing is taken or sent here any more.
  void set_closed(bool closed);

  // What every running exchange of this loop has done so far; on the loop's thread.
  std::vector<telemetry::ExchangeRecord> running() const;
  base::Duration take_lag() { return loop_.take_lag(); }

 private:
  net::EventLoop loop_;
  net::UpstreamClient upstreams_;
  gateway::LoopContext context_;
  gateway::DataPlane data_plane_;
  std::optional<admin::AdminPlane> admin_plane_;  // on the loop that has the admin listener
  std::vector<std::unique_ptr<net::Listener>> data_listeners_;
  std::unique_ptr<net::Listener> admin_listener_;
  std::thread thread_;
};

// Calls `job` on every loop's thread, and waits until each has done it. REQUIRES that the loops run. Not from a loop.
void on_each(const std::vector<std::unique_ptr<ServerLoop>>& loops, const std::function<void(ServerLoop&)>& job);

// Gives every loop these hooks, and waits until each has them. REQUIRES that the loops run. Not from a loop.
void spread_hooks(const std::vector<std::unique_ptr<ServerLoop>>& loops, const std::shared_ptr<const hooks::HookSet>& set);

// Hands `answer` what every running exchange of all loops has done so far, from one of their threads. Returns at once.
void ask_running(const std::vector<std::unique_ptr<ServerLoop>>& loops,
                 std::function<void(base::Result<std::vector<telemetry::ExchangeRecord>>)> answer);

}  // namespace headworks::app
