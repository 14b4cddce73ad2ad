#include "app/gateway_app.hpp"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <cstdlib>
#include <mutex>

#include "app/announcement.hpp"
#include "app/change_watch.hpp"
#include "app/data_dir.hpp"
#include "app/environment.hpp"
#include "app/ledger_retention.hpp"
#include "app/listening.hpp"
#include "app/plugin_rule.hpp"
#include "app/live_metrics.hpp"
#include "app/server_loop.hpp"
#include "app/signals.hpp"
#include "app/stored_cooldowns.hpp"
#include "app/stored_levels.hpp"
#include "base/locked_memory.hpp"
#include "catalog/configuration.hpp"
#include "catalog/key_references.hpp"
#include "store/store.hpp"
#include "store/usage_writer.hpp"
#include "telemetry/exchange_log.hpp"
#include "telemetry/recent_exchanges.hpp"
#include "vault/client_key.hpp"

namespace headworks::app {
namespace {

using base::Result;
constexpr std::uint32_t kAdminConnections = 256;

using Started = boost::system::result<void, StartFailure>;

}  // namespace

// Members in the order of their making; each may use those above it.
struct GatewayApp::Parts {
  explicit Parts(Options given, DataDir directory)
      : options(std::move(given)),
        data_dir(std::move(directory)),
        log({.level = base::find_log_level(options.log_level).value_or(base::LogLevel::info),
             .format = base::find_log_format(options.log_format).value_or(base::LogFormat::text)},
            clock),
        exchange_log(log),
        connections(std::make_shared<net::ConnectionCount>()),
        admin_connections(std::make_shared<net::ConnectionCount>()) {
    admin_connections->limit = kAdminConnections;
  }
  ~Parts() { shut_down(); }

  Started open_stores();
  Started configure();
  Started open_catalog();
  Started ensure_client_key();
  Started open_loops();
  void start_recording();
  void announce() const;
  Result<std::uint64_t> apply(std::string_view config_json, const std::string& origin);
  void reload();
  void request_stop();
  int wait();
  void shut_down();

  Options options;
  DataDir data_dir;
  base::SystemClock clock;
  base::Log log;
  telemetry::Metrics metrics;
  telemetry::ExchangeLog exchange_log;
  telemetry::RecentExchanges recent{1000};
  hooks::HookBoard hook_board{metrics, log};
  std::optional<base::Secret> admin_token;
  std::shared_ptr<const vault::KeyRing> keys;
  std::unique_ptr<store::Store> store;
  std::unique_ptr<store::UsageWriter> ledger;
  std::unique_ptr<store::DatabaseThread> ledger_reader;
  std::unique_ptr<catalog::Catalog> catalog;
  std::optional<catalog::Configuration> configuration;  // of the start, without its secrets
  std::unique_ptr<StoredCooldowns> cooldowns;
  std::unique_ptr<StoredLevels> levels;
  std::unique_ptr<LedgerRetention> retention;
  std::unique_ptr<ChangeWatch> watch;  // outlives the recorder, whose sink it is
  std::unique_ptr<telemetry::Recorder> recorder;
  std::optional<gateway::SharedContext> shared;
  gateway::Readiness readiness;
  std::shared_ptr<net::ConnectionCount> connections;
  std::shared_ptr<net::ConnectionCount> admin_connections;
  std::optional<admin::AdminShared> control;
  std::optional<ServerContext> server;
  std::unique_ptr<gateway::WaitingRoom> waiting_room;  // outlives the loops, whose exchanges leave it
  std::vector<std::unique_ptr<ServerLoop>> loops;
  catalog::Catalog::Subscription subscription;
  std::string data_url, admin_url, first_key;

  std::mutex mutex;  // guards what follows
  std::condition_variable changed;
  int stops = 0;  // how often a stop was asked for
  bool shut = false;

  std::unique_ptr<SignalThread> signals;  // last: it calls into everything above
};

Started GatewayApp::Parts::open_stores() {
  const bool fresh = !data_dir.has("headworks.db");
  auto ring = vault::KeyRing::load(data_dir.path(), fresh);
  if (!ring) return failure_of(ring.error(), Exit::master_key);
  keys = *ring;
  auto token = data_dir.admin_token();
  if (!token) return token.error();
  admin_token = std::move(*token);
  auto opened = store::Store::open({.path = data_dir.file("headworks.db"), .keys = keys, .clock = &clock});
  if (!opened) return failure_of(opened.error(), Exit::configuration);
  store = std::move(*opened);
  if (!store->master_key_fits())
    return StartFailure{Exit::master_key, "the master key from " + keys->origin() +
                                              " is not the one that the keys in " + data_dir.path() +
                                              " were sealed with; put the right one back"};
  auto started = store::UsageWriter::start({.path = data_dir.file("usage.db"), .now = clock.wall()});
  if (!started) return failure_of(started.error());
  ledger = std::move(*started);
  if (!ledger->set_aside().empty())
    log.log(base::LogLevel::error, "usage.db was damaged; it was set aside and a new one begun",
            {{"file", ledger->set_aside()}});
  auto reader = store::DatabaseThread::start({.path = data_dir.file("usage.db"),
                                              .database = store::Database::usage,
                                              .mode = store::Connection::Mode::reader,
                                              .time_limit = std::chrono::seconds(10),
                                              .now = clock.wall()});
  if (!reader) return failure_of(reader.error());
  ledger_reader = std::move(*reader);
  return {};
}

Started GatewayApp::Parts::configure() {
  if (!options.config_json) return {};
  const catalog::KeyReferences references(folder_of(options.config_origin));
  auto parsed = catalog::parse_configuration(*options.config_json, references.source());
  for (const catalog::Problem& warning : parsed.warnings)
    log.log(base::LogLevel::warn, warning.message, {{"path", warning.path}, {"hint", warning.hint}});
  if (!parsed.ok()) {
    std::string text;
    for (const catalog::Problem& problem : parsed.problems)
      text += (options.config_origin.empty() ? "" : options.config_origin + ": ") + problem.path + ": " + problem.message +
              (problem.hint.empty() ? "" : " (" + problem.hint + ")") + "\n";
    return StartFailure{Exit::configuration, text};
  }
  if (const auto refused = refuse_plugins(parsed.configuration, options.runs_plugins))
    return failure_of(*refused, Exit::configuration);
  configuration.emplace();
  configuration->listen = parsed.configuration.listen;
  configuration->admin_listen = parsed.configuration.admin_listen;
  configuration->tls = parsed.configuration.tls;
  base::wipe(*options.config_json);  // keys may stand in it
  options.config_json.reset();
  const auto applied = store->apply(std::move(parsed.configuration), options.config_origin.empty() ? "configuration" : options.config_origin);
  if (!applied) return failure_of(applied.error(), Exit::configuration);
  return {};
}

Started GatewayApp::Parts::open_catalog() {
  if (const auto ended = store->end_expired_cooldowns(); !ended) return failure_of(ended.error());
  auto rows = store->read_rows();
  if (!rows) return failure_of(rows.error());
  for (const catalog::Backend& backend : rows->backends)
    if (backend.key_state == catalog::KeyState::unreadable)
      log.log(base::LogLevel::error, "a backend's key cannot be opened; the backend is out of every plan until its key is set again",
              {{"backend", backend.name}});
  auto snapshot = catalog::Snapshot::build(std::move(*rows), nullptr);
  if (!snapshot) return failure_of(snapshot.error(), Exit::configuration);
  if (const auto restored = StoredCooldowns::restore(*store, **snapshot, clock); !restored)
    return failure_of(restored.error());
  if (const auto restored = StoredLevels::restore(*ledger, **snapshot, clock); !restored)
    return failure_of(restored.error());
  catalog = std::make_unique<catalog::Catalog>(*snapshot);
  store->publish_to(catalog.get());
  log.set_mask([this](std::string& line) {
    const std::size_t masked = catalog->current()->secrets().mask(line) + catalog::mask_made_keys(line);
    if (masked != 0) metrics.add(telemetry::Metric::secrets_masked, {"log"}, static_cast<double>(masked));
  });
  if (!base::LockedMemory::all_locked())
    log.log(base::LogLevel::warn, "keys may be swapped out: the system lets this process lock too little memory (ulimit -l)");
  return {};
}

// So that the first request of a new user works: without any client key, one named `default` is made and shown once.
Started GatewayApp::Parts::ensure_client_key() {
  if (!catalog->current()->client_keys().empty()) return {};
  const base::Secret key = vault::make_client_key();
  first_key = key.reveal();
  const auto made = store->change({.actor = "first start"}, [&](store::CatalogTables& tables) {
    catalog::ConfiguredClientKey row;
    row.row.name = "default";
    row.key = key.copy();
    return store::put_client_key(tables, std::move(row));
  });
  if (!made) return failure_of(made.error());
  return {};
}

Started GatewayApp::Parts::open_loops() {
  const std::size_t workers =
      options.workers != 0 ? options.workers : std::max(1u, std::thread::hardware_concurrency());
  auto client_tls = net::TlsClientContext::make("");
  if (!client_tls) return failure_of(client_tls.error());
  auto listening = Listening::open(options, configuration ? &*configuration : nullptr, workers);
  if (!listening) return listening.error();
  data_url = listening->data_url;
  admin_url = listening->admin_url;

  cooldowns = std::make_unique<StoredCooldowns>(*store, metrics, log);
  recorder = std::make_unique<telemetry::Recorder>(telemetry::Recorder::Options{.loops = static_cast<std::uint32_t>(workers)});
  shared.emplace(gateway::SharedContext{*recorder, metrics, log, *cooldowns, store->key_hasher()});
  control.emplace(admin::AdminShared{.metrics = metrics,
                                   .recent = recent,
                                   .catalog = *catalog,
                                   .store = *store,
                                   .ledger = *ledger,
                                   .ledger_reader = *ledger_reader,
                                   .hooks = hook_board,
                                   .admin_token = *admin_token,
                                   .data_dir = data_dir.path(),
                                   .data_url = data_url,
                                   .admin_url = admin_url,
                                   .versions_json = versions(),
                                   .started = clock.wall(),
                                   .master_key_file = keys->origin() == data_dir.file("master.key") ? keys->origin() : "",
                                   .ask_running = [this](auto answer) { ask_running(loops, std::move(answer)); },
                                   .ready = [this] { return readiness.ready.load() && !readiness.draining.load(); },
                                   .on_gauges_changed = [this] { waiting_room->poke(); }});
  server.emplace(ServerContext{.shared = *shared,
                               .readiness = readiness,
                               .connections = connections,
                               .admin_connections = admin_connections,
                               .resolver = std::make_shared<net::Resolver>(),
                               .upstream_tls = *client_tls,
                               .listener_tls = listening->tls,
                               .admin = *control});
  const auto seed = static_cast<std::uint64_t>(clock.wall().time_since_epoch().count()) ^ (std::uint64_t(::getpid()) << 40);
  for (std::size_t i = 0; i < workers; ++i)
    loops.push_back(std::make_unique<ServerLoop>(static_cast<std::uint32_t>(i), seed + i, *server, catalog->current(),
                                                 listening->take_data(i), i == 0 ? listening->take_admin() : -1));
  waiting_room = std::make_unique<gateway::WaitingRoom>(loops.front()->event_loop());
  for (const auto& loop : loops) loop->set_waiting_room(*waiting_room);
  subscription = catalog->subscribe([this](const catalog::Catalog::SnapshotPtr& snapshot) {
    connections->limit.store(snapshot->settings().limits.connections, std::memory_order_relaxed);
    waiting_room->set_limits(line_limits(snapshot->settings().queue));
    for (const auto& loop : loops) loop->set_snapshot(snapshot);
  });
  return {};
}

void GatewayApp::Parts::start_recording() {
  recorder->add_sink([this](auto records) { metrics.on_exchanges(records); });
  recorder->add_sink([this](auto records) { ledger->accept(records); });
  recorder->add_sink([this](auto records) { exchange_log.on_exchanges(records); });
  recorder->add_sink([this](auto records) { recent.on_exchanges(records); });
  recorder->add_sink([this](auto records) { hook_board.on_exchanges(records); });
  recorder->add_sink([this](auto records) { watch->on_exchanges(records); });
  watch = std::make_unique<ChangeWatch>(*store, *catalog, clock, log);
  add_live_metrics(metrics, {.catalog = *catalog,
                             .connections = *connections,
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
  levels = std::make_unique<StoredLevels>(*ledger, *catalog, clock);
  retention = std::make_unique<LedgerRetention>(*ledger, *catalog, clock, log);
  for (const auto& loop : loops) loop->start();
  hook_board.spread_with([this](const auto& set) { spread_hooks(loops, set); });
  hook_board.publish(std::move(options.hooks));  // before anybody knows where we listen
  readiness.ready = true;
}

void GatewayApp::Parts::announce() const {
  data_dir.write_run_file(data_url, admin_url);
  notify_service_manager("READY=1");
  if (!options.announce) return;
  const bool named = std::getenv("HEADWORKS_ADMIN_TOKEN") != nullptr;
  app::announce({.data_url = data_url,
                 .admin_url = admin_url,
                 .admin_token = named ? "from HEADWORKS_ADMIN_TOKEN" : data_dir.file("admin.token"),
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
  changed.wait(lock, [this] { return stops > 0; });
  lock.unlock();
  shut_down();
  return static_cast<int>(Exit::fine);
}

// In the order in which things depend on each other: no new work, the running work, the records of it, the stores.
void GatewayApp::Parts::shut_down() {
  std::unique_lock lock(mutex);
  if (std::exchange(shut, true)) return;
  readiness.draining = true;
  if (!loops.empty() && catalog) {
    notify_service_manager("STOPPING=1");
    const double seconds = catalog->current()->settings().timeouts.drain_seconds;
    const auto deadline = clock.now() + std::chrono::duration_cast<base::Duration>(std::chrono::duration<double>(seconds));
    for (const auto& loop : loops) loop->drain();
    while (connections->now.load() != 0 && clock.now() < deadline && stops < 2)
      changed.wait_for(lock, std::chrono::milliseconds(10));
  }
  lock.unlock();
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
  loops.clear();
  if (ledger) ledger->flush(std::chrono::seconds(2));
  log.flush(std::chrono::seconds(1));  // with what it masks still there
  log.set_mask({});
  data_dir.remove_run_file();
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
  auto directory = DataDir::open(options.data_dir);
  if (!directory) return directory.error();
  auto parts = std::make_unique<Parts>(std::move(options), std::move(*directory));
  for (const auto step : {&Parts::open_stores, &Parts::configure, &Parts::open_catalog, &Parts::ensure_client_key,
                          &Parts::open_loops})
    if (const Started started = (parts.get()->*step)(); !started) return started.error();
  parts->start_recording();
  parts->announce();
  if (parts->options.handle_signals) {
    Parts* running = parts.get();
    parts->signals = std::make_unique<SignalThread>([running] { running->request_stop(); }, [running] { running->reload(); });
  }
  return std::unique_ptr<GatewayApp>(new GatewayApp(std::move(parts)));
}

std::string GatewayApp::data_url() const { return parts_->data_url; }
std::string GatewayApp::admin_url() const { return parts_->admin_url; }
std::string GatewayApp::first_client_key() const { return parts_->first_key; }
std::string GatewayApp::data_dir() const { return parts_->data_dir.path(); }
hooks::HookBoard& GatewayApp::hooks() { return parts_->hook_board; }
int GatewayApp::wait() { return parts_->wait(); }
void GatewayApp::stop() { parts_->request_stop(); }
Result<std::uint64_t> GatewayApp::apply(std::string_view config_json, std::string_view origin) {
  return parts_->apply(config_json, std::string(origin));
}

std::string check_configuration(std::string_view config_json) {
  return catalog::format_problems(
      catalog::parse_configuration(config_json, catalog::unresolved_references()).problems);
}

}  // namespace headworks::app
