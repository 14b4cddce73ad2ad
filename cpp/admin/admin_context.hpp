// What the control plane needs: shared things by reference, its loop, and how to reach the databases without ever
// stopping the loop. Loop-owned.
#pragma once

#include <coroutine>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "admin/admin_access.hpp"
#include "catalog/catalog.hpp"
#include "hooks/hook_board.hpp"
#include "net/event_loop.hpp"
#include "net/upstream_client.hpp"
#include "store/database_thread.hpp"
#include "store/store.hpp"
#include "store/usage_writer.hpp"
#include "telemetry/metrics.hpp"
#include "telemetry/recent_exchanges.hpp"

namespace headworks::admin {

// Thread-safe or immutable; outlives every plane.
struct AdminShared {
  telemetry::Metrics& metrics;
  const telemetry::RecentExchanges& recent;
  const catalog::Catalog& catalog;
  store::Store& store;
  store::UsageWriter& ledger;
  store::DatabaseThread& ledger_reader;
  const hooks::HookBoard& hooks;
  const base::Secret& admin_token;
  std::string data_dir;
  std::string data_url, admin_url;  // of the listeners
  std::string versions_json;        // of every linked library
  base::WallTime started{};
  std::string master_key_file;  // empty: the ring came from elsewhere
  // Hands `answer` an owned copy of what every running exchange has done so far; called on any thread, returns at once.
  std::function<void(std::function<void(base::Result<std::vector<telemetry::ExchangeRecord>>)> answer)> ask_running;
  std::function<bool()> ready;                // whether the server takes traffic
  std::function<void()> on_gauges_changed;    // by hand: somebody may be waiting for it
};

struct AdminContext {
  AdminShared& shared;
  AdminAccess& access;
  net::EventLoop& loop;
  net::UpstreamClient& upstreams;
  std::uint32_t streams = 0;  // of events, that run
  std::shared_ptr<const catalog::Snapshot> snapshot() const { return shared.catalog.current(); }
};

// The answer of a job on a database thread: hand callback() to a post_*(), then co_await this. Loop-owned.
template <class T>
class StoreAnswer {
 public:
  explicit StoreAnswer(net::EventLoop& loop) : shared_(std::make_shared<Shared>(loop)) {}
  ~StoreAnswer() {
    if (shared_->frame) shared_->loop.forget(std::exchange(shared_->frame, {}));
  }
  StoreAnswer(const StoreAnswer&) = delete;

  auto callback() const {
    return [shared = shared_](base::Result<T> result) {
      // std::function wants what can be copied; a row with its key cannot.
      auto held = std::make_shared<base::Result<T>>(std::move(result));
      shared->loop.post([shared, held] {
        shared->result.emplace(std::move(*held));
        if (shared->frame) shared->loop.resume_later(shared->frame);
      });
    };
  }
  // `posted`: what the post_*() said.
  void refuse_unless(bool posted) {
    if (!posted) shared_->result.emplace(base::fail(base::ErrorKind::overloaded, "the store has too much to do; try again"));
  }

  bool await_ready() const { return shared_->result.has_value(); }
  void await_suspend(std::coroutine_handle<> frame) { shared_->frame = frame; }
  base::Result<T> await_resume() {
    shared_->frame = {};
    return std::move(*shared_->result);
  }

 private:
  struct Shared {
    explicit Shared(net::EventLoop& on) : loop(on) {}
    net::EventLoop& loop;
    std::coroutine_handle<> frame;              // the loop only
    std::optional<base::Result<T>> result;      // the loop only
  };
  std::shared_ptr<Shared> shared_;
};

}  // namespace headworks::admin
