#include "net/passed_socket.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>
#include <cstring>
#include <memory>

namespace headworks::net {
namespace {

using base::ErrorKind;
using base::fail;

int option_of(int fd, int option) {
  int value = -1;
  socklen_t size = sizeof value;
  return ::getsockopt(fd, SOL_SOCKET, option, &value, &size) == 0 ? value : -1;
}

ListenAddress address_of(const sockaddr_storage& bound) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (bound.ss_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(bound);
    ::inet_ntop(AF_INET6, &v6.sin6_addr, text.data(), text.size());
    return {.host = text.data(), .port = ntohs(v6.sin6_port)};
  }
  const auto& v4 = reinterpret_cast<const sockaddr_in&>(bound);
  ::inet_ntop(AF_INET, &v4.sin_addr, text.data(), text.size());
  return {.host = text.data(), .port = ntohs(v4.sin_port)};
}

std::string text_of(const ListenAddress& address) {
  const bool v6 = address.host.find(':') != std::string::npos;
  return (v6 ? "[" + address.host + "]" : address.host) + ":" + std::to_string(address.port);
}

bool is_host(const std::string& numeric, const std::string& wanted) {
  if (wanted.empty()) return numeric == "0.0.0.0" || numeric == "::";
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  if (::getaddrinfo(wanted.c_str(), nullptr, &hints, &found) != 0) return false;
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> addresses(found, ::freeaddrinfo);
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
    sockaddr_storage where{};
    std::memcpy(&where, one->ai_addr, one->ai_addrlen);
    if (address_of(where).host == numeric) return true;
  }
  return false;
}

}  // namespace

base::Result<ListenAddress> take_up_socket(int fd, const std::optional<ListenAddress>& wanted) {
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  const bool named = ::getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &size) == 0;
  if (!named || (bound.ss_family != AF_INET && bound.ss_family != AF_INET6) || option_of(fd, SO_TYPE) != SOCK_STREAM ||
      option_of(fd, SO_ACCEPTCONN) != 1)
    return fail(ErrorKind::invalid_configuration,
                "the descriptor " + std::to_string(fd) + " that was passed in is no listening TCP socket");
  const ListenAddress here = address_of(bound);
  if (wanted && ((wanted->port != 0 && wanted->port != here.port) || !is_host(here.host, wanted->host)))
    return fail(ErrorKind::invalid_configuration, "the socket that was passed in listens on " + text_of(here) +
                                                      ", and not where it is configured, on " + text_of(*wanted));
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);  // accepted sockets inherit it
  ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
  ::fcntl(fd, F_SETFD, FD_CLOEXEC);
  return here;
}

}  // namespace headworks::net
