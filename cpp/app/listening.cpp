#include "app/listening.hpp"

#include <unistd.h>

#include "app/environment.hpp"
#include "net/listener.hpp"

namespace headworks::app {

Listening::Listening(Listening&& other) noexcept
    : data_url(std::move(other.data_url)),
      admin_url(std::move(other.admin_url)),
      tls(std::move(other.tls)),
      data_(std::exchange(other.data_, {})),
      admin_(std::exchange(other.admin_, -1)) {}

Listening::~Listening() {
  for (const int fd : data_)
    if (fd >= 0) ::close(fd);
  if (admin_ >= 0) ::close(admin_);
}

boost::system::result<Listening, StartFailure> Listening::open(const Options& options, const catalog::Configuration* file,
                                                               std::size_t workers) {
  const auto data = net::parse_listen_address(pick_address(
      options.listen, "HEADWORKS_LISTEN", file != nullptr ? file->listen : std::nullopt, "127.0.0.1:8080"));
  const auto admin = net::parse_listen_address(pick_address(options.admin_listen, "HEADWORKS_ADMIN_LISTEN",
                                                            file != nullptr ? file->admin_listen : std::nullopt,
                                                            "127.0.0.1:8081"));
  if (!data) return StartFailure{Exit::usage, data.error().message};
  if (!admin) return StartFailure{Exit::usage, admin.error().message};
  Listening made;
  if (file != nullptr && file->tls) {
    const std::string folder = folder_of(options.config_origin);
    auto context =
        net::TlsServerContext::make(in_folder(folder, file->tls->certificate), in_folder(folder, file->tls->private_key));
    if (!context) return failure_of(context.error());
    made.tls = *context;
  }
  std::uint16_t data_port = 0, admin_port = 0;
  const auto data_sockets = net::open_listeners(*data, workers, data_port);
  if (!data_sockets) return failure_of(data_sockets.error(), Exit::in_use);
  made.data_.assign(data_sockets->begin(), data_sockets->end());
  const auto admin_sockets = net::open_listeners(*admin, 1, admin_port);
  if (!admin_sockets) return failure_of(admin_sockets.error(), Exit::in_use);
  made.admin_ = admin_sockets->front();
  made.data_url = url_of(*data, data_port, made.tls != nullptr);
  made.admin_url = url_of(*admin, admin_port, false);
  return made;
}

}  // namespace headworks::app
