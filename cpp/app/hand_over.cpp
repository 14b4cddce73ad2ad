// How a running server hands over to a new process (USR2): the part of the old one. The new one's is GatewayApp::start
// and open. Until the new process has done all that can fail, nothing changes here; then this one takes no new work,
// writes its levels, and leaves; and if the new one fails even then, takes everything back.
// decisions/0009-hand-over.md says why so.
#include <unistd.h>

#include <atomic>
#include <thread>

#include "app/environment.hpp"
#include "app/gateway_parts.hpp"
#include "base/thread.hpp"

namespace headworks::app {
namespace {

using base::ErrorKind;
using base::fail;
using base::Result;

constexpr base::Duration kStartPatience = std::chrono::seconds{60};
constexpr base::Duration kPlacePatience = std::chrono::seconds{10};
// How long exchanges that have not been sent yet may keep new connections waiting. Most need some microseconds.
constexpr base::Duration kSettlePatience = std::chrono::seconds{1};

}  // namespace

void GatewayApp::Parts::begin_hand_over() {
  const std::lock_guard lock(mutex);
  const char* why_not = nullptr;
  if (options.command.empty()) why_not = "only the commands `headworks serve` and `headworksd` can";
  else if (::getpid() == 1) why_not = "it is process 1, with which the container ends; start another container instead";
  else if (handing_over) why_not = "a hand-over is under way already";
  else if (shut || left || stops > 0) why_not = "it is about to end";
  else if (!readiness.ready) why_not = "it does not serve yet";
  if (why_not != nullptr) {
    log.log(base::LogLevel::warn, "this server does not hand over", {{"detail", why_not}});
    return;
  }
  handing_over = true;
  if (handing.joinable()) handing.join();  // of the one before, which failed
  handing = std::thread([this] {
    base::begin_thread("hw-hand-over", base::Urgency::normal);
    hand_over();
  });
}

void GatewayApp::Parts::hand_over() {
  log.log(base::LogLevel::info, "handing over to a new process");
  const Result<void> done = hand_over_to_successor();
  metrics.add(telemetry::Metric::hand_overs, {done ? "done" : "failed"});
  if (done)
    log.log(base::LogLevel::info, "the new process serves; this one ends what it has begun", {{"successor", successor->pid()}});
  else
    log.log(base::LogLevel::error, "the hand-over failed; this process goes on serving", {{"detail", done.error().message}});
  {
    const std::lock_guard lock(mutex);
    handing_over = false;
    left = done.has_value();
    ours = !left;
  }
  changed.notify_all();
}

Result<void> GatewayApp::Parts::hand_over_to_successor() {
  Successor::Named descriptors;
  for (const int fd : data_sockets) descriptors.emplace_back(kDataSocket, fd);
  descriptors.emplace_back(kAdminSocket, admin_socket);
  descriptors.emplace_back(kLock, data_dir.lock());
  Successor::Variables variables;
  if (keys->origin() == vault::kKeyVariable) variables.emplace_back(vault::kKeyVariable, keys->text());
  auto started = Successor::start(options.command, descriptors, variables);
  if (!started) return started.error();
  successor.emplace(*std::move(started));

  const auto stopped = [this] {
    const std::lock_guard lock(mutex);
    return stops > 0;
  };
  const auto heard = successor->channel().hear(kStartPatience, stopped);
  if (heard && heard->word == kPrepared) return leave_place();
  const std::string how = successor->end();
  if (heard && heard->word.starts_with(kFailed)) return fail(ErrorKind::internal, heard->word.substr(kFailed.size()));
  return fail(ErrorKind::internal, stopped() ? "a stop came first" : "the new process did not get ready: " + how);
}

// Waits until nothing that was begun here would still take from a bucket, but not for ever: what is left then is told to
// ask again.
void GatewayApp::Parts::settle() {
  const auto deadline = clock.now() + kSettlePatience;
  for (base::Duration pause = std::chrono::milliseconds{1};; pause = std::min<base::Duration>(2 * pause, std::chrono::milliseconds{16})) {
    std::atomic<std::size_t> unsettled{0};
    on_each(loops, [&unsettled](ServerLoop& loop) { unsettled += loop.unsettled(); });
    if (unsettled == 0 || clock.now() >= deadline) return;
    std::this_thread::sleep_for(pause);
  }
}

Result<void> GatewayApp::Parts::leave_place() {
  giving = std::make_unique<Giving>();
  on_each(loops, [this](ServerLoop& loop) { loop.hand_over(giving->heir(kDataSocket), giving->heir(kAdminSocket)); });
  settle();
  on_each(loops, [](ServerLoop& loop) { loop.set_closed(true); });
  store->set_closed(true);
  retention.reset();
  levels.reset();
  const bool said = successor->channel().say(kYours);
  const auto heard = successor->channel().hear(said ? kPlacePatience : base::Duration{}, [] { return false; });
  if (!heard || heard->word != kServing) {
    const std::string why = heard && heard->word.starts_with(kFailed) ? heard->word.substr(kFailed.size()) + ": " : "";
    const std::string how = successor->end();
    take_place_back();
    return fail(ErrorKind::internal, "the new process failed when it was to take over: " + why + how);
  }
  levels = std::make_unique<StoredLevels>(*ledger, *catalog, clock, StoredLevels::Duty::leave);
  notify_service_manager(("MAINPID=" + std::to_string(successor->pid())).c_str());
  giving->begin(successor->channel());
  return {};
}

void GatewayApp::Parts::take_place_back() {
  levels = std::make_unique<StoredLevels>(*ledger, *catalog, clock, StoredLevels::Duty::keep);
  retention = std::make_unique<LedgerRetention>(*ledger, *catalog, clock, log);
  data_dir.sign_lock();
  store->set_closed(false);
  on_each(loops, [](ServerLoop& loop) {
    loop.set_closed(false);
    loop.take_back();
  });
  for (const auto& [kind, fd] : giving->take_back()) adopt(kind, fd);
  giving.reset();
}

// Connections of data clients go round the loops; the first one has the admin listener.
void GatewayApp::Parts::adopt(std::string_view kind, int fd) {
  const bool admin = kind == kAdminSocket;
  loops[admin ? 0 : adopted++ % loops.size()]->adopt(admin, fd);
}

}  // namespace headworks::app
