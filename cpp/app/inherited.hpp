// Inherited: the descriptors that this process was started with, by name (sd_listen_fds(3): LISTEN_FDS, LISTEN_PID,
// LISTEN_FDNAMES). A service manager passes listening sockets, `data` and `admin`; a server that hands over passes them
// too, and with them its lock and a channel. Must not know: what they are used for.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "app/gateway_app.hpp"

namespace headworks::app {

inline constexpr std::string_view kDataSocket = "data", kAdminSocket = "admin";
inline constexpr std::string_view kLock = "headworks.lock", kChannel = "headworks.channel";

class Inherited {
 public:
  Inherited() = default;
  // What the environment says, which says it no more afterwards: nothing for child processes. Exit::usage when a name is
  // missing, or is none of ours.
  static boost::system::result<Inherited, StartFailure> take();
  Inherited(Inherited&& other) noexcept : named_(std::exchange(other.named_, {})) {}
  Inherited& operator=(Inherited&& other) noexcept;
  ~Inherited();  // closes what was not taken

  std::vector<int> take_all(std::string_view name);
  std::optional<int> take_one(std::string_view name);

 private:
  std::vector<std::pair<std::string, int>> named_;
};

}  // namespace headworks::app
