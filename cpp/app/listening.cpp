#include "app/listening.hpp"

#include <fcntl.h>
#include <unistd.h>

#include "app/environment.hpp"
#include "net/listener.hpp"
#include "net/passed_socket.hpp"

namespace headworks::app {

Listening::Listening(Listening&& other) noexcept
    : data_url(std::move(other.data_url)),
      admin_url(std::move(other.admin_url)),
      tls(std::move(other.tls)),
      data_(std::exchange(other.data_, {})),
      admin_(std::exchange(other.admin_, -1)) {}

Listening::~Listening() {
  for (const std::vector<int>& of_worker : data_)
    for (const int fd : of_worker) ::close(fd);
  if (admin_ >= 0) ::close(admin_);
}

namespace {

// Closes those that nobody took.
struct Sockets {
  std::vector<int> fds;
  ~Sockets() {
    for (const int fd : fds) ::close(fd);
  }
};

// Where the passed sockets listen: the first one says it for all, as clients are told one address.
boost::system::result<net::ListenAddress, StartFailure> take_up(const std::vector<int>& fds,
                                                                const std::optional<net::ListenAddress>& wanted) {
  std::optional<net::ListenAddress> first;
  for (const int fd : fds) {
    const auto here = net::take_up_socket(fd, wanted);
    if (!here) return failure_of(here.error());
    if (!first) first = *here;
  }
  if (wanted) first->host = wanted->host;
  return *first;
}

// What was passed in, else `count` of our own; and where they listen.
boost::system::result<net::ListenAddress, StartFailure> open_sockets(const std::optional<std::string>& wanted,
                                                                     const char* fallback, std::size_t count,
                                                                     Sockets& sockets) {
  std::optional<net::ListenAddress> address;
  const bool were_passed = !sockets.fds.empty();
  if (wanted || !were_passed) {
    auto parsed = net::parse_listen_address(wanted.value_or(fallback));
    if (!parsed) return StartFailure{Exit::usage, parsed.error().message};
    address = *std::move(parsed);
  }
  if (were_passed) return take_up(sockets.fds, address);
  auto opened = net::open_listeners(*address, count, address->port);
  if (!opened) return failure_of(opened.error(), Exit::in_use);
  sockets.fds = *std::move(opened);
  return *std::move(address);
}

}  // namespace

Listening::Opened Listening::open_data(const std::optional<std::string>& wanted, std::size_t workers,
                                       std::vector<int> passed) {
  Sockets sockets{std::move(passed)};
  const auto address = open_sockets(wanted, "127.0.0.1:8080", workers, sockets);
  if (!address) return address.error();
  data_url = url_of(*address, address->port, tls != nullptr);
  const std::size_t count = sockets.fds.size();
  for (std::size_t i = count; i < workers; ++i) {
    const int copy = ::fcntl(sockets.fds[i % count], F_DUPFD_CLOEXEC, 0);
    if (copy < 0) return StartFailure{Exit::failed, "no file descriptor is left to listen with"};
    sockets.fds.push_back(copy);
  }
  data_.resize(workers);
  for (std::size_t i = 0; i < sockets.fds.size(); ++i) data_[i % workers].push_back(sockets.fds[i]);
  sockets.fds.clear();
  return {};
}

Listening::Opened Listening::open_admin(const std::optional<std::string>& wanted, std::vector<int> passed) {
  Sockets sockets{std::move(passed)};
  const auto address = open_sockets(wanted, "127.0.0.1:8081", 1, sockets);
  if (!address) return address.error();
  if (sockets.fds.size() > 1)
    return StartFailure{Exit::usage, "more than one socket was passed in as `admin`; there is one admin listener"};
  admin_url = url_of(*address, address->port, false);
  admin_ = std::exchange(sockets.fds, {}).front();
  return {};
}

boost::system::result<Listening, StartFailure> Listening::open(const Options& options, const catalog::Configuration* file,
                                                               std::size_t workers, Inherited& inherited) {
  Listening made;
  if (file != nullptr && file->tls) {
    const std::string folder = folder_of(options.config_origin);
    auto context =
        net::TlsServerContext::make(in_folder(folder, file->tls->certificate), in_folder(folder, file->tls->private_key));
    if (!context) return failure_of(context.error());
    made.tls = *context;
  }
  const auto data = find_address(options.listen, "HEADWORKS_LISTEN", file != nullptr ? file->listen : std::nullopt);
  const auto admin =
      find_address(options.admin_listen, "HEADWORKS_ADMIN_LISTEN", file != nullptr ? file->admin_listen : std::nullopt);
  if (const Opened opened = made.open_data(data, workers, inherited.take_all(kDataSocket)); !opened)
    return opened.error();
  if (const Opened opened = made.open_admin(admin, inherited.take_all(kAdminSocket)); !opened) return opened.error();
  return made;
}

}  // namespace headworks::app
