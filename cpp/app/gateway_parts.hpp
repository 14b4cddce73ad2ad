// The parts of a running server, in the order of their making, and the steps that make, run and end them:
// gateway_opening.cpp makes them, gateway_app.cpp runs and ends them, hand_over.cpp leaves them to another process.
// Private to app/.
#pragma once

#include <atomic>
#include <condition_variable>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "app/change_watch.hpp"
#include "app/data_dir.hpp"
#include "app/gateway_app.hpp"
#include "app/giving.hpp"
#include "app/inherited.hpp"
#include "app/ledger_retention.hpp"
#include "app/predecessor.hpp"
#include "app/server_loop.hpp"
#include "app/signals.hpp"
#include "app/stored_cooldowns.hpp"
#include "app/stored_levels.hpp"
#include "app/successor.hpp"
#include "catalog/configuration.hpp"
#include "store/store.hpp"
#include "store/usage_writer.hpp"
#include "telemetry/exchange_log.hpp"
#include "telemetry/recent_exchanges.hpp"

namespace headworks::app {

using Started = boost::system::result<void, StartFailure>;

// Members in the order of their making; each may use those above it.
struct GatewayApp::Parts {
  Parts(Options given, DataDir directory, Inherited sockets, std::unique_ptr<Predecessor> before)
      : options(std::move(given)),
        data_dir(std::move(directory)),
        inherited(std::move(sockets)),
        predecessor(std::move(before)),
        log({.level = base::find_log_level(options.log_level).value_or(base::LogLevel::info),
             .format = base::find_log_format(options.log_format).value_or(base::LogFormat::text)},
            clock),
        exchange_log(log),
        connections(std::make_shared<net::ConnectionCount>()),
        admin_connections(std::make_shared<net::ConnectionCount>()),
        body_memory(std::make_shared<net::BodyMemory>()) {
    admin_connections->limit = 256;
    ours = predecessor == nullptr;
  }
  ~Parts() { shut_down(); }

  // One step after the other, until one fails.
  Started make(std::initializer_list<Started (Parts::*)()> steps);
  Started open_stores();
  Started configure();
  Started open_catalog();
  Started ensure_client_key();
  Started open_loops();
  void start_loops();
  Started take_place();
  Started restore_levels();
  Started serve();
  void announce() const;
  base::Result<std::uint64_t> apply(std::string_view config_json, const std::string& origin);
  void reload();
  void request_stop();
  int wait();
  void shut_down();

  void begin_hand_over();
  void hand_over();
  base::Result<void> hand_over_to_successor();
  void settle();
  base::Result<void> leave_place();
  void take_place_back();
  void adopt(std::string_view kind, int fd);

  Options options;
  DataDir data_dir;
  Inherited inherited;
  std::unique_ptr<Predecessor> predecessor;  // null: this process was not handed anything
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
  std::shared_ptr<net::BodyMemory> body_memory;
  std::optional<admin::AdminShared> control;
  std::optional<ServerContext> server;
  std::unique_ptr<gateway::WaitingRoom> waiting_room;  // outlives the loops, whose exchanges leave it
  std::optional<Successor> successor;  // once one was tried
  std::unique_ptr<Giving> giving;      // to the successor; outlives the loops
  std::vector<std::unique_ptr<ServerLoop>> loops;
  std::vector<int> data_sockets;       // the loops' own, as long as they listen
  int admin_socket = -1;               // the same
  std::atomic<std::size_t> adopted{0};  // connections
  catalog::Catalog::Subscription subscription;
  std::string data_url, admin_url, first_key;

  std::mutex mutex;  // guards what follows
  std::condition_variable changed;
  int stops = 0;  // how often a stop was asked for
  bool shut = false;
  bool ours = true;  // the data directory, and the unit: not (yet, or any more) another process's
  bool handing_over = false;
  bool left = false;  // the successor serves

  std::thread handing;  // the hand-over; begun under the mutex

  std::unique_ptr<SignalThread> signals;  // last: it calls into everything above
};

}  // namespace headworks::app
