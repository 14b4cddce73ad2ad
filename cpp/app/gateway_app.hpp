// The composition root: the only place that constructs concrete things and decides who lives how long.
// Used by headworksd (main.cpp) and by the Python face (bindings/).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "hooks/hook_board.hpp"

namespace headworks::app {

// What must be known before anything is built: flags and environment, already merged (flags win over HEADWORKS_*,
// which win over the file).
struct Options {
  std::string data_dir;       // empty: the default rule of surface section 2
  std::optional<std::string> listen;        // "HOST:PORT"; port 0 = any free one
  std::optional<std::string> admin_listen;
  std::uint32_t workers = 0;  // 0: one per core
  std::optional<std::string> config_json;   // the configuration document as JSON (not a file name)
  std::string config_origin;  // the file's name, for messages; empty: none
  std::string log_level = "info";   // debug | info | warn | error
  std::string log_format = "text";  // text | json
  bool handle_signals = true;       // false inside a Python process that handles its own
  // HUP: reads the configuration again (with handle_signals only). The document as JSON, or why it cannot be read.
  std::function<base::Result<std::string>()> reload = {};
  std::vector<hooks::HookRow> hooks = {};  // in force from the first request on; whoever runs plug-ins takes them up
  bool runs_plugins = false;  // else a configuration that names plug-ins is refused: their word would be missing
  bool announce = true;             // the ready line on stdout and the first-start text on stderr
  // The command line of this process, if it is nothing but this server: then it takes the sockets that were passed in
  // (LISTEN_FDS), and hand_over() runs the same command again. Empty: neither.
  std::vector<std::string> command = {};
};

// Exit codes of surface section 1.
enum class Exit : int { fine = 0, failed = 1, usage = 2, configuration = 3, master_key = 4, in_use = 5 };

struct StartFailure {
  Exit exit = Exit::failed;
  std::string message;  // one or more lines for stderr
};

// Thread-safe where said. Destruction stops the server.
class GatewayApp {
 public:
  // Opens the data directory, the stores, the listeners; applies the configuration; starts the loops. Blocking. Nobody
  // is served before open().
  static boost::system::result<std::unique_ptr<GatewayApp>, StartFailure> start(Options options);
  ~GatewayApp();

  // Takes over from the process that handed its sockets to this one, if there is one; then serves, and says so.
  // Blocking. Once, and what fails here has failed to start.
  boost::system::result<void, StartFailure> open();

  std::string data_url() const;   // http://127.0.0.1:8080
  std::string admin_url() const;
  // The client key made at first start; empty when there was one already.
  std::string first_client_key() const;
  std::string data_dir() const;

  // For whoever runs plug-ins: where hooks are published and their questions taken. Usable until wait() has returned.
  hooks::HookBoard& hooks();

  // Blocks until stop(), a signal or a hand-over ended the server; returns the process's exit code. Thread-safe.
  int wait();
  // Begins a graceful stop: drain up to drain_seconds, then end. Thread-safe, returns at once. A second call ends at once.
  void stop();
  // Starts this process's command anew and hands over to it: sockets, levels, idle connections; what is under way is
  // ended here. If that fails, goes on as before. Thread-safe, returns at once; the log says how it went.
  void hand_over();
  // Applies a configuration document (HUP): all or nothing. Thread-safe.
  base::Result<std::uint64_t> apply(std::string_view config_json, std::string_view origin);

 private:
  struct Parts;
  explicit GatewayApp(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

// For `headworks check`: every problem of a configuration document as JSON text
// [{"path": "$.backends[0].rpm_limit", "message": "...", "hint": "..."}]; "[]" when it is valid.
std::string check_configuration(std::string_view config_json);

// {"headworks": "0.1.0", "boost": ..., "simdjson": ..., "sqlite": ..., "libsodium": ..., "openssl": ...} as JSON text.
std::string versions();

}  // namespace headworks::app
