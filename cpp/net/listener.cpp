#include "net/listener.hpp"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>


namespace headworks::net {
namespace {

using base::ErrorKind;
using base::fail;
using base::Result;

constexpr base::Duration kPause = std::chrono::milliseconds(100);
constexpr int kBacklog = 4096;
constexpr int kAcceptsPerTurn = 128;

int open_spare() { return ::open("/dev/null", O_RDONLY | O_CLOEXEC); }

base::Error listen_error(const ListenAddress& address, int error) {
  const std::string where = address.host + ":" + std::to_string(address.port);
  if (error == EADDRINUSE) return fail(ErrorKind::conflict, where + " is in use by another process");
  return fail(ErrorKind::invalid_configuration, "cannot listen on " + where + ": " + std::strerror(error));
}

// One bound, listening socket; the descriptor or -errno.
int open_one(const sockaddr* address, socklen_t size, int family, bool share) {
  const int fd = ::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);  // accepted sockets inherit it
  if (share) ::setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  if (::bind(fd, address, size) == 0 && ::listen(fd, kBacklog) == 0) return fd;
  const int error = errno;
  ::close(fd);
  return -error;
}

std::uint16_t port_of(int fd) {
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &size);
  return ntohs(bound.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6&>(bound).sin6_port
                                           : reinterpret_cast<sockaddr_in&>(bound).sin_port);
}

}  // namespace

Result<ListenAddress> parse_listen_address(std::string_view text) {
  const auto refuse = [&] {
    return fail(ErrorKind::invalid_configuration, "a listen address is HOST:PORT, for example 127.0.0.1:8080");
  };
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return refuse();
  ListenAddress address;
  address.host = text.substr(0, colon);
  if (address.host.size() > 2 && address.host.front() == '[' && address.host.back() == ']')
    address.host = address.host.substr(1, address.host.size() - 2);
  const std::string_view port = text.substr(colon + 1);
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), address.port);
  if (port.empty() || error != std::errc{} || end != port.data() + port.size()) return refuse();
  return address;
}

Result<std::vector<int>> open_listeners(const ListenAddress& address, std::size_t count, std::uint16_t& port) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const std::string service = std::to_string(address.port);
  if (::getaddrinfo(address.host.empty() ? nullptr : address.host.c_str(), service.c_str(), &hints, &found) != 0)
    return fail(ErrorKind::invalid_configuration, "cannot listen on " + address.host + ": no such address");
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> addresses(found, ::freeaddrinfo);
  sockaddr_storage where{};
  std::memcpy(&where, found->ai_addr, found->ai_addrlen);
  auto* generic = reinterpret_cast<sockaddr*>(&where);

  // First without sharing: SO_REUSEPORT would let us in beside another server of the same user without a word.
  const int first = open_one(generic, found->ai_addrlen, found->ai_family, false);
  if (first < 0) return listen_error(address, -first);
  port = port_of(first);
  if (count <= 1) return std::vector<int>{first};
  ::close(first);
  (where.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6&>(where).sin6_port
                               : reinterpret_cast<sockaddr_in&>(where).sin_port) = htons(port);
  std::vector<int> sockets;
  while (sockets.size() < count) {
    const int fd = open_one(generic, found->ai_addrlen, found->ai_family, true);
    if (fd < 0) {
      for (const int opened : sockets) ::close(opened);
      return listen_error(address, -fd);
    }
    sockets.push_back(fd);
  }
  return sockets;
}

Listener::Listener(EventLoop& loop, int fd, Handler& handler, const SessionLimits& limits,
                   std::shared_ptr<TlsServerContext> tls, std::shared_ptr<ConnectionCount> connections,
                   std::shared_ptr<BodyMemory> body_memory)
    : context_{.loop = loop, .handler = handler, .limits = limits, .body_memory = std::move(body_memory)},
      fd_(fd),
      spare_(open_spare()),
      tls_(std::move(tls)),
      connections_(std::move(connections)) {}

Listener::~Listener() {
  context_.loop.unwatch(fd_, *this);
  if (fd_ >= 0) ::close(fd_);
  if (spare_ >= 0) ::close(spare_);
}

void Listener::accept() { context_.loop.watch(fd_, *this); }

void Listener::drain() {
  context_.draining = !context_.heir || tls_ != nullptr;
  context_.loop.unwatch(fd_, *this);
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  disarm();
  if (context_.heir) return;  // who was idle is his already
  for (ClientSession* session = context_.first; session != nullptr; session = session->next) session->drain();
}

void Listener::hand_over(Heir heir) {
  context_.heir = std::move(heir);
  context_.draining = tls_ != nullptr;
  context_.loop.unwatch(fd_, *this);
  disarm();
  for (ClientSession* session = context_.first; session != nullptr; session = session->next) session->give_when_idle();
}

void Listener::take_back() {
  context_.heir = nullptr;
  context_.draining = false;
}

void Listener::adopt(int fd) {
  ConnectionPlace place = ConnectionPlace::take(connections_);
  sockaddr_storage peer{};
  socklen_t size = sizeof peer;
  // Behind a listener that speaks TLS now nobody may go on without.
  if (!place.held() || context_.draining || tls_ != nullptr || ::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size) != 0) {
    ::close(fd);
    return;
  }
  begin(fd, peer, std::move(place), true);
}

std::size_t Listener::beginning() const {
  std::size_t count = 0;
  for (const ClientSession* session = context_.first; session != nullptr; session = session->next)
    count += session->may_begin() ? 1 : 0;
  return count;
}

void Listener::on_ready(Readiness readiness) {
  if (readiness.readable) accept_some();
}

void Listener::accept_some() {
  for (int i = 0; i < kAcceptsPerTurn && fd_ >= 0; ++i)
    if (!accept_one()) return;
  arm(context_.loop.wheel(), context_.loop.now());  // the edge has been used up: look again next turn
}

ConnectionPlace ConnectionPlace::take(std::shared_ptr<ConnectionCount> count) {
  const std::uint32_t limit = count->limit.load(std::memory_order_relaxed);
  std::uint32_t now = count->now.load(std::memory_order_relaxed);
  while (now < limit)
    if (count->now.compare_exchange_weak(now, now + 1, std::memory_order_relaxed)) return ConnectionPlace(std::move(count));
  return ConnectionPlace(nullptr);
}

bool Listener::accept_one() {
  ConnectionPlace place = ConnectionPlace::take(connections_);
  if (!place.held()) {
    arm(context_.loop.wheel(), context_.loop.now() + kPause);
    return false;
  }
  sockaddr_storage peer{};
  socklen_t size = sizeof peer;
  const int fd = ::accept4(fd_, reinterpret_cast<sockaddr*>(&peer), &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd < 0) {
    if (errno == EAGAIN || errno == EWOULDBLOCK) return false;
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      shed_one();
      arm(context_.loop.wheel(), context_.loop.now() + kPause);
      return false;
    }
    return true;  // that connection is gone already (ECONNABORTED and its like)
  }
  begin(fd, peer, std::move(place), false);
  return true;
}

void Listener::begin(int fd, const sockaddr_storage& peer, ConnectionPlace place, bool adopted) {
  auto session = std::make_unique<ClientSession>(context_, fd, peer, tls_ ? tls_->make_session() : nullptr);
  if (adopted) session->adopt();
  context_.loop.tasks().spawn(run_session(std::move(session), std::move(place)));
}

Task<> Listener::run_session(std::unique_ptr<ClientSession> session, [[maybe_unused]] ConnectionPlace place) {
  Task<> life = ClientSession::run(std::move(session));
  co_await life;
}

// No descriptor is left. One waiting client is told so (by a close) instead of hanging in the backlog.
void Listener::shed_one() {
  context_.loop.log().log(base::LogLevel::warn,
                          "no file descriptor is left: raise the limit (ulimit -n) or lower limits.connections");
  if (spare_ >= 0) ::close(spare_);
  const int fd = ::accept4(fd_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd >= 0) ::close(fd);
  spare_ = open_spare();
}

}  // namespace headworks::net
