// Successor: the process that is to take over from this one: the same command line, run anew as it is on disk now, with
// our environment, and with descriptors of ours by name (inherited.hpp). Must not know: what a server is.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "app/channel.hpp"
#include "base/result.hpp"
#include "base/secret.hpp"

namespace headworks::app {

class Successor {
 public:
  using Named = std::vector<std::pair<std::string_view, int>>;
  // Variables that were taken out of our environment, and are to be in its.
  using Variables = std::vector<std::pair<std::string_view, base::Secret>>;

  // Starts it with `descriptors` (which stay ours) and a channel. An error says why not: there is no such program, or no
  // process to be had.
  static base::Result<Successor> start(const std::vector<std::string>& command, const Named& descriptors,
                                       const Variables& variables);
  Successor(Successor&& other) noexcept = default;

  Channel& channel() { return channel_; }
  pid_t pid() const { return pid_; }
  // Ends it if it runs, waits for it, and says how it ended: "exit code 3", "signal 9".
  std::string end();

 private:
  Successor(pid_t pid, Channel channel) : pid_(pid), channel_(std::move(channel)) {}
  pid_t pid_;
  Channel channel_;
};

}  // namespace headworks::app
