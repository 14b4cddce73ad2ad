#include "app/server_loop.hpp"

#include <latch>
#include <mutex>

#include "base/thread.hpp"

namespace headworks::app {
namespace {

base::Duration of_seconds(double seconds) {
  return std::chrono::duration_cast<base::Duration>(std::chrono::duration<double>(seconds));
}

}  // namespace

net::SessionLimits session_limits(const catalog::Settings& settings) {
  net::SessionLimits limits;
  limits.head.head_bytes = settings.limits.head_bytes;
  limits.head.header_count = settings.limits.header_count;
  limits.body_bytes = settings.limits.body_bytes;
  limits.body_memory = {.bytes = settings.limits.body_memory_bytes,
                        .large = settings.limits.large_body_bytes,
                        .large_percent = settings.limits.large_body_percent};
  limits.head_timeout = of_seconds(settings.timeouts.head_seconds);
  limits.body_idle_timeout = of_seconds(settings.timeouts.body_idle_seconds);
  limits.body_bytes_per_second = settings.limits.body_bytes_per_second;
  limits.keep_alive_timeout = of_seconds(settings.timeouts.keep_alive_seconds);
  limits.write_timeout = of_seconds(settings.timeouts.write_seconds);
  return limits;
}

routing::WaitingLine::Limits line_limits(const catalog::Settings::Queue& queue) {
  return {.max_wait = of_seconds(queue.max_wait_seconds), .max_depth = queue.max_depth};
}

ServerLoop::ServerLoop(std::uint32_t index, std::uint64_t seed, ServerContext& context,
                       std::shared_ptr<const catalog::Snapshot> snapshot, const std::vector<int>& data_fds, int admin_fd)
    : loop_(index, seed, context.shared.log),
      upstreams_(loop_, context.resolver, context.upstream_tls),
      context_(loop_, context.shared, snapshot, upstreams_),
      data_plane_(context_, context.readiness) {
  const net::SessionLimits limits = session_limits(snapshot->settings());
  for (const int fd : data_fds)
    data_listeners_.push_back(std::make_unique<net::Listener>(loop_, fd, data_plane_, limits, context.listener_tls,
                                                              context.connections, context.body_memory));
  context.body_memory->add_pool(loop_.buffers().lent_bytes());
  if (admin_fd < 0) return;
  admin_plane_.emplace(context.admin, loop_, upstreams_);
  admin_listener_ =
      std::make_unique<net::Listener>(loop_, admin_fd, *admin_plane_, limits, nullptr, context.admin_connections,
                                      context.admin_body_memory);
}

ServerLoop::~ServerLoop() {
  loop_.stop();
  join();
}

void ServerLoop::join() {
  if (thread_.joinable()) thread_.join();
}

void ServerLoop::start() {
  thread_ = std::thread([this] {
    base::begin_thread(("hw-loop-" + std::to_string(loop_.index())).c_str(), base::Urgency::normal);
    loop_.run();
  });
}

void ServerLoop::set_snapshot(std::shared_ptr<const catalog::Snapshot> snapshot) {
  loop_.post([this, snapshot = std::move(snapshot)] {
    const net::SessionLimits limits = session_limits(snapshot->settings());
    for (const auto& listener : data_listeners_) listener->set_limits(limits);
    if (admin_listener_) admin_listener_->set_limits(limits);
    upstreams_.set_idle_timeout(of_seconds(snapshot->settings().timeouts.upstream_idle_seconds));
    context_.routes.set_snapshot(snapshot);
  });
}

void ServerLoop::set_hooks(std::shared_ptr<const hooks::HookSet> hooks, std::function<void()> taken) {
  loop_.post([this, hooks = std::move(hooks), taken = std::move(taken)] {
    context_.hooks = hooks;
    taken();
  });
}

std::vector<telemetry::ExchangeRecord> ServerLoop::running() const {
  std::vector<telemetry::ExchangeRecord> records;
  for (const gateway::RunningExchange& exchange : context_.running) records.push_back(exchange.so_far());
  return records;
}

void on_each(const std::vector<std::unique_ptr<ServerLoop>>& loops, const std::function<void(ServerLoop&)>& job) {
  std::latch missing(static_cast<std::ptrdiff_t>(loops.size()));
  for (const auto& loop : loops)
    loop->event_loop().post([&job, &missing, &loop = *loop] {
      job(loop);
      missing.count_down();
    });
  missing.wait();
}

void spread_hooks(const std::vector<std::unique_ptr<ServerLoop>>& loops, const std::shared_ptr<const hooks::HookSet>& set) {
  std::latch missing(static_cast<std::ptrdiff_t>(loops.size()));
  for (const auto& loop : loops) loop->set_hooks(set, [&missing] { missing.count_down(); });
  missing.wait();
}

// Each loop adds its own; the last one answers.
void ask_running(const std::vector<std::unique_ptr<ServerLoop>>& loops,
                 std::function<void(base::Result<std::vector<telemetry::ExchangeRecord>>)> answer) {
  struct Gathered {
    std::mutex mutex;
    std::vector<telemetry::ExchangeRecord> records;
    std::size_t missing = 0;
  };
  auto gathered = std::make_shared<Gathered>();
  gathered->missing = loops.size();
  for (const auto& loop : loops)
    loop->event_loop().post([gathered, answer, &loop = *loop] {
      std::vector<telemetry::ExchangeRecord> records = loop.running();
      const std::lock_guard lock(gathered->mutex);
      std::move(records.begin(), records.end(), std::back_inserter(gathered->records));
      if (--gathered->missing == 0) answer(std::move(gathered->records));
    });
}

void ServerLoop::drain() {
  loop_.post([this] {
    for (const auto& listener : data_listeners_) listener->drain();
    if (admin_listener_) admin_listener_->drain();
  });
}

void ServerLoop::adopt(bool admin, int fd) {
  loop_.post([this, admin, fd] { (admin ? *admin_listener_ : *data_listeners_.front()).adopt(fd); });
}

void ServerLoop::accept() {
  for (const auto& listener : data_listeners_) listener->accept();
  if (admin_listener_) admin_listener_->accept();
}

void ServerLoop::hand_over(const net::Heir& data_heir, const net::Heir& admin_heir) {
  for (const auto& listener : data_listeners_) listener->hand_over(data_heir);
  if (admin_listener_) admin_listener_->hand_over(admin_heir);
}

void ServerLoop::take_back() {
  for (const auto& listener : data_listeners_) listener->take_back();
  if (admin_listener_) admin_listener_->take_back();
  accept();
}

void ServerLoop::set_closed(bool closed) {
  context_.closed = closed;
  if (!closed) return;
  for (gateway::RunningExchange& exchange : context_.running) exchange.stop_waiting();
}

std::size_t ServerLoop::unsettled() const {
  std::size_t count = 0;
  for (const auto& listener : data_listeners_) count += listener->beginning();
  for (const gateway::RunningExchange& exchange : context_.running) count += exchange.settled() ? 0 : 1;
  return count;
}

}  // namespace headworks::app
