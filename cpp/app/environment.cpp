#include "app/environment.hpp"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdlib>

namespace headworks::app {

using base::ErrorKind;

StartFailure failure_of(const base::Error& error, Exit exit) {
  if (error.kind == ErrorKind::invalid_configuration) exit = Exit::configuration;
  if (error.kind == ErrorKind::key_unreadable) exit = Exit::master_key;
  return {exit, error.detail.empty() ? error.message : error.message + " (" + error.detail + ")"};
}

std::string folder_of(const std::string& file) {
  const std::size_t slash = file.rfind('/');
  return slash == std::string::npos ? "" : file.substr(0, slash);
}

std::string in_folder(const std::string& folder, const std::string& file) {
  return file.empty() || file.front() == '/' || folder.empty() ? file : folder + "/" + file;
}

void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

void forbid_dumps() {
  const rlimit none{};
  ::setrlimit(RLIMIT_CORE, &none);
  ::prctl(PR_SET_DUMPABLE, 0);
}

// sd_notify(3), without the library: a datagram to the socket that systemd names.
void notify_service_manager(const char* state) {
  const char* name = std::getenv("NOTIFY_SOCKET");
  if (name == nullptr || name[0] == '\0') return;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string_view path(name);
  if (path.size() >= sizeof address.sun_path) return;
  std::copy(path.begin(), path.end(), address.sun_path);
  if (path.front() == '@') address.sun_path[0] = '\0';
  const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return;
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
  ::sendto(fd, state, std::string_view(state).size(), MSG_NOSIGNAL, reinterpret_cast<sockaddr*>(&address), size);
  ::close(fd);
}

std::optional<std::string> find_address(const std::optional<std::string>& flag, const char* variable,
                                        const std::optional<std::string>& file) {
  if (flag) return *flag;
  if (const char* value = std::getenv(variable); value != nullptr && value[0] != '\0') return value;
  return file;
}

std::string url_of(const net::ListenAddress& address, std::uint16_t port, bool tls) {
  const bool v6 = address.host.find(':') != std::string::npos;
  const std::string host = address.host.empty() ? "0.0.0.0" : v6 ? "[" + address.host + "]" : address.host;
  return std::string(tls ? "https://" : "http://") + host + ":" + std::to_string(port);
}

}  // namespace headworks::app
