// How a server is made: stores, configuration, catalog, first client key, loops. The first step that fails says with
// which exit code the process ends.
#include <unistd.h>

#include <algorithm>

#include "app/announcement.hpp"
#include "app/environment.hpp"
#include "app/gateway_parts.hpp"
#include "app/listening.hpp"
#include "app/plugin_rule.hpp"
#include "base/locked_memory.hpp"
#include "catalog/key_references.hpp"

namespace headworks::app {

using base::Result;

Started GatewayApp::Parts::open_stores() {
  const bool fresh = !data_dir.has("headworks.db");
  auto ring = vault::KeyRing::load(data_dir.path(), fresh);
  if (!ring) return failure_of(ring.error(), Exit::master_key);
  keys = *ring;
  auto token = data_dir.admin_token();
  if (!token) return token.error();
  admin_token = std::move(*token);
  auto opened = store::Store::open({.path = data_dir.file("headworks.db"), .keys = keys, .clock = &clock, .migrates = predecessor == nullptr});
  if (!opened) return failure_of(opened.error(), Exit::configuration);
  store = std::move(*opened);
  if (!vault::cpu_has_aes())
    log.log(base::LogLevel::info, "this CPU has no AES: provider keys are sealed with xchacha20");
  if (!store->master_key_fits())
    return StartFailure{Exit::master_key, "the master key from " + keys->origin() +
                                              " is not the one that the keys in " + data_dir.path() +
                                              " were sealed with; put the right one back"};
  auto started = store::UsageWriter::start({.path = data_dir.file("usage.db"), .now = clock.wall(), .migrates = predecessor == nullptr});
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
  const auto broken = store->ask([](store::CatalogTables& tables) { return tables.audit.find_broken(); });
  if (broken && *broken)
    log.log(base::LogLevel::error, "the audit was changed from outside; what it says from this row on is not to be trusted",
            {{"row", **broken}});
  for (const catalog::Backend& backend : rows->backends)
    if (backend.key_state == catalog::KeyState::unreadable)
      log.log(base::LogLevel::error, "a backend's key cannot be opened; the backend is out of every plan until its key is set again",
              {{"backend", backend.name}});
  auto snapshot = catalog::Snapshot::build(std::move(*rows), nullptr);
  if (!snapshot) return failure_of(snapshot.error(), Exit::configuration);
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

Started GatewayApp::Parts::ensure_client_key() {
  const Result<std::string> made = make_first_key(*store, *catalog);
  if (made) first_key = *made;
  return made ? Started() : failure_of(made.error());
}

Started GatewayApp::Parts::open_loops() {
  const std::size_t workers =
      options.workers != 0 ? options.workers : std::max(1u, std::thread::hardware_concurrency());
  auto client_tls = net::TlsClientContext::make("");
  if (!client_tls) return failure_of(client_tls.error());
  auto listening = Listening::open(options, configuration ? &*configuration : nullptr, workers, inherited);
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
                               .body_memory = body_memory,
                               .admin_connections = admin_connections,
                               .admin_body_memory = std::make_shared<net::BodyMemory>(),
                               .resolver = std::make_shared<net::Resolver>(),
                               .upstream_tls = *client_tls,
                               .listener_tls = listening->tls,
                               .admin = *control});
  const auto seed = static_cast<std::uint64_t>(clock.wall().time_since_epoch().count()) ^ (std::uint64_t(::getpid()) << 40);
  admin_socket = listening->take_admin();
  for (std::size_t i = 0; i < workers; ++i) {
    const std::vector<int> sockets = listening->take_data(i);
    data_sockets.insert(data_sockets.end(), sockets.begin(), sockets.end());
    loops.push_back(std::make_unique<ServerLoop>(static_cast<std::uint32_t>(i), seed + i, *server, catalog->current(),
                                                 sockets, i == 0 ? admin_socket : -1));
  }
  waiting_room = std::make_unique<gateway::WaitingRoom>(loops.front()->event_loop());
  for (const auto& loop : loops) loop->set_waiting_room(*waiting_room);
  subscription = catalog->subscribe([this](const catalog::Catalog::SnapshotPtr& snapshot) {
    connections->limit.store(snapshot->settings().limits.connections, std::memory_order_relaxed);
    waiting_room->set_limits(line_limits(snapshot->settings().queue));
    for (const auto& loop : loops) loop->set_snapshot(snapshot);
  });
  return {};
}

}  // namespace headworks::app
