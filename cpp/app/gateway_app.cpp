#include "app/gateway_app.hpp"

#include <signal.h>

#include "app/announcement.hpp"
#include "app/environment.hpp"
#include "app/gateway_parts.hpp"
#include "app/live_metrics.hpp"
#include "app/plugin_rule.hpp"
#include "catalog/key_references.hpp"

namespace headworks::app {

using base::Result;

Started GatewayApp::Parts::make(std::initializer_list<Started (Parts::*)()> steps) {
  for (const auto step : steps)
    if (const Started made = (this->*step)(); !made) {
      if (predecessor) predecessor->say_failed(made.error().message);
      return made;
    }
  return {};
}

void GatewayApp::Parts::start_loops() {
  recorder->add_sink([this](auto records) { metrics.on_exchanges(records); });
  recorder->add_sink([this](auto records) { ledger->accept(records); });
  recorder->add_sink([this](auto records) { exchange_log.on_exchanges(records); });
  recorder->add_sink([this](auto records) { recent.on_exchanges(records); });
  recorder->add_sink([this](auto records) { hook_board.on_exchanges(records); });
  recorder->add_sink([this](auto records) { watch->on_exchanges(records); });
  watch = std::make_unique<ChangeWatch>(*store, *catalog, clock, log);
  add_live_metrics(metrics, {.catalog = *catalog,
                             .connections = *connections,
                             .body_memory = *body_memory,
                             .ledger = *ledger,
                             .recorder = *recorder,
                             .log = log,
                             .waiting_room = *waiting_room,
                             .take_loop_lag = [this] {
                               base::Duration worst{};
                               for (const auto& loop : loops) worst = std::max(worst, loop->take_lag());
                               return worst;
                             }});
  recorder->start();
  for (const auto& loop : loops) loop->start();
  hook_board.spread_with([this](const auto& set) { spread_hooks(loops, set); });
  hook_board.publish(std::move(options.hooks));  // before anybody is served
}

// From here on nothing may change but by this process; until here nothing has changed for the one before.
Started GatewayApp::Parts::take_place() {
  if (!predecessor) return {};
  if (!predecessor->ask_for_place())
    return StartFailure{Exit::failed, "the running server has ended, or did not make room, before it had handed over"};
  data_dir.sign_lock();
  const auto published = store->publish_latest();
  return published ? Started() : failure_of(published.error());
}

Started GatewayApp::Parts::restore_levels() {
  const auto snapshot = catalog->current();
  if (const auto restored = StoredCooldowns::restore(*store, *snapshot, clock); !restored)
    return failure_of(restored.error());
  if (const auto restored = StoredLevels::restore(*ledger, *snapshot, clock); !restored)
    return failure_of(restored.error());
  levels = std::make_unique<StoredLevels>(*ledger, *catalog, clock,
                                          predecessor ? StoredLevels::Duty::follow : StoredLevels::Duty::keep);
  retention = std::make_unique<LedgerRetention>(*ledger, *catalog, clock, log);
  return {};
}

Started GatewayApp::Parts::serve() {
  ours = readiness.ready = true;
  on_each(loops, [](ServerLoop& loop) { loop.accept(); });
  if (predecessor) {
    predecessor->say_serving([this](std::string_view kind, int fd) { adopt(kind, fd); });
    metrics.add(telemetry::Metric::hand_overs, {"taken"});
  }
  announce();
  return {};
}

void GatewayApp::Parts::announce() const {
  data_dir.write_run_file(data_url, admin_url);
  if (!predecessor) notify_service_manager("READY=1");  // the unit was ready all the time
  if (!options.announce) return;
  app::announce({.data_url = data_url,
                 .admin_url = admin_url,
                 .admin_token_file = data_dir.file("admin.token"),
                 .first_key = first_key});
}

Result<std::uint64_t> GatewayApp::Parts::apply(std::string_view config_json, const std::string& origin) {
  const catalog::KeyReferences references(folder_of(origin));
  auto parsed = catalog::parse_configuration(config_json, references.source());
  if (!parsed.ok()) return catalog::error_of(parsed.problems);
  if (auto refused = refuse_plugins(parsed.configuration, options.runs_plugins)) return *std::move(refused);
  const auto applied = store->apply(std::move(parsed.configuration), origin);
  if (!applied) return applied.error();
  return applied->revision;
}

void GatewayApp::Parts::reload() {
  if (!options.reload) return;
  Result<std::string> text = options.reload();
  Result<std::uint64_t> applied = text ? apply(*text, options.config_origin) : Result<std::uint64_t>(text.error());
  if (text) base::wipe(*text);
  if (applied)
    log.log(base::LogLevel::info, "the configuration was read again", {{"revision", *applied}});
  else
    log.log(base::LogLevel::error, "the configuration was not applied; the old one stays",
            {{"detail", applied.error().message}});
}

void GatewayApp::Parts::request_stop() {
  {
    const std::lock_guard lock(mutex);
    ++stops;
  }
  changed.notify_all();
}

int GatewayApp::Parts::wait() {
  std::unique_lock lock(mutex);
  changed.wait(lock, [this] { return stops > 0 || left; });
  lock.unlock();
  shut_down();
  return static_cast<int>(Exit::fine);
}

// In the order in which things depend on each other: no new work, the running work, the records of it, the stores.
void GatewayApp::Parts::shut_down() {
  std::unique_lock lock(mutex);
  if (std::exchange(shut, true)) return;
  lock.unlock();
  if (handing.joinable()) handing.join();
  lock.lock();
  readiness.draining = true;
  if (!loops.empty() && catalog) {
    if (ours) notify_service_manager("STOPPING=1");
    const double seconds = catalog->current()->settings().timeouts.drain_seconds;
    const auto deadline = clock.now() + std::chrono::duration_cast<base::Duration>(std::chrono::duration<double>(seconds));
    for (const auto& loop : loops) loop->drain();
    while (connections->now.load() != 0 && clock.now() < deadline && stops < 2)
      changed.wait_for(lock, std::chrono::milliseconds(10));
  }
  lock.unlock();
  predecessor.reset();  // what it still gives has nowhere to go
  subscription.end();
  if (store) store->publish_to(nullptr);
  hook_board.spread_with({});
  for (const auto& loop : loops) loop->stop();
  for (const auto& loop : loops) loop->join();
  // Whatever the control plane still asks of the stores is answered while its loop is there to hear it.
  if (store) store->running_cooldowns();
  if (ledger_reader) ledger_reader->run([](store::Connection&) {});
  if (waiting_room) waiting_room->close();
  retention.reset();
  levels.reset();
  if (recorder) recorder->stop();
  hook_board.close();
  watch.reset();
  if (ledger) ledger->flush(std::chrono::seconds(2));
  ledger.reset();  // answers what the control plane still asked of it: the loops must be there to be told
  loops.clear();
  giving.reset();
  log.flush(std::chrono::seconds(1));  // with what it masks still there
  log.set_mask({});
  if (ours) data_dir.remove_run_file();
}

GatewayApp::GatewayApp(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

GatewayApp::~GatewayApp() {
  parts_->signals.reset();
  parts_->shut_down();
}

boost::system::result<std::unique_ptr<GatewayApp>, StartFailure> GatewayApp::start(Options options) {
  ::signal(SIGPIPE, SIG_IGN);
  raise_descriptor_limit();
  if (options.handle_signals) forbid_dumps(), SignalThread::block();  // the process is ours alone
  Inherited inherited;
  if (!options.command.empty()) {
    auto taken = Inherited::take();
    if (!taken) return taken.error();
    inherited = *std::move(taken);
  }
  const auto channel = inherited.take_one(kChannel);
  auto predecessor = channel ? std::make_unique<Predecessor>(*channel) : nullptr;
  auto directory = DataDir::open(options.data_dir, inherited.take_one(kLock).value_or(-1));
  if (!directory) {
    if (predecessor) predecessor->say_failed(directory.error().message);
    return directory.error();
  }
  auto parts = std::make_unique<Parts>(std::move(options), std::move(*directory), std::move(inherited), std::move(predecessor));
  const auto opened = parts->make({&Parts::open_stores, &Parts::configure, &Parts::open_catalog,
                                   &Parts::ensure_client_key, &Parts::open_loops});
  if (!opened) return opened.error();
  parts->start_loops();
  return std::unique_ptr<GatewayApp>(new GatewayApp(std::move(parts)));
}

Started GatewayApp::open() {
  const auto opened = parts_->make({&Parts::take_place, &Parts::restore_levels, &Parts::serve});
  if (!opened || !parts_->options.handle_signals) return opened;
  Parts* running = parts_.get();
  parts_->signals = std::make_unique<SignalThread>(SignalThread::Calls{.stop = [running] { running->request_stop(); },
                                                                       .reload = [running] { running->reload(); },
                                                                       .hand_over = [running] { running->begin_hand_over(); }});
  return {};
}

std::string GatewayApp::data_url() const { return parts_->data_url; }
std::string GatewayApp::admin_url() const { return parts_->admin_url; }
std::string GatewayApp::first_client_key() const { return parts_->first_key; }
std::string GatewayApp::data_dir() const { return parts_->data_dir.path(); }
hooks::HookBoard& GatewayApp::hooks() { return parts_->hook_board; }
int GatewayApp::wait() { return parts_->wait(); }
void GatewayApp::stop() { parts_->request_stop(); }
void GatewayApp::hand_over() { parts_->begin_hand_over(); }
Result<std::uint64_t> GatewayApp::apply(std::string_view config_json, std::string_view origin) {
  return parts_->apply(config_json, std::string(origin));
}

std::string check_configuration(std::string_view config_json) {
  return catalog::format_problems(
      catalog::parse_configuration(config_json, catalog::unresolved_references()).problems);
}

}  // namespace headworks::app