// The programmable upstream: an LLM provider made of a script, for tests, for the demo and as the other end
// of every benchmark. Speaks plain HTTP/1.1 on 127.0.0.1. Independent of net/ on purpose: own thread, own
// epoll loop, own lenient parser, so that a mistake of the gateway meets no twin here. What a script can say:
// script.hpp.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace headworks::upstream {

// Thread-safe. Any number of them may live in one process, each with its own thread.
class Upstream {
 public:
  // Listens and serves at once. Port 0: any free one. Kind invalid_configuration for a wrong script,
  // upstream_connect when the port cannot be had.
  static base::Result<std::unique_ptr<Upstream>> start(std::uint16_t port, std::string_view script_json);
  ~Upstream();  // stops it

  std::uint16_t port() const;
  std::string url() const;  // http://127.0.0.1:PORT, without a path

  // Replaces the script; connections that are playing go on with what they play. The journal stays.
  base::Result<void> set_script(std::string_view script_json);
  std::string journal() const;  // JSON: see journal.hpp
  std::string stats() const;    // JSON
  void clear_journal();

  // Closes the listener and all connections; afterwards connecting is refused. May be called again.
  void stop();

 private:
  class Loop;
  explicit Upstream(std::unique_ptr<Loop> loop);
  std::unique_ptr<Loop> loop_;
};

// The command `headworks upstream [--port P] [--script FILE]` (FILE: a name, or - for standard input). Prints
// "upstream ready http://127.0.0.1:PORT" and serves until SIGINT or SIGTERM. Returns the exit code: 0 fine, 2
// wrong usage, 3 wrong script, 5 the port is taken.
int run_upstream(int argc, char** argv);

}  // namespace headworks::upstream
