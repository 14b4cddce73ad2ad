// Listening: the sockets that a server takes its clients on, passed in or opened before anything runs, so that an
// address in use ends the start at once. Must not know: loops, planes.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "app/gateway_app.hpp"
#include "app/inherited.hpp"
#include "catalog/configuration.hpp"
#include "net/tls.hpp"

namespace headworks::app {

class Listening {
 public:
  // One data socket per worker, or as many as were passed in: then each worker has one at least, and each of them a
  // worker. `file` (null: none) is the configuration of the start. What was passed in and does not fit it is refused.
  static boost::system::result<Listening, StartFailure> open(const Options& options, const catalog::Configuration* file,
                                                             std::size_t workers, Inherited& inherited);
  Listening(Listening&& other) noexcept;
  ~Listening();  // closes what was not taken

  std::vector<int> take_data(std::size_t worker) { return std::exchange(data_[worker], {}); }
  int take_admin() { return std::exchange(admin_, -1); }

  std::string data_url, admin_url;
  std::shared_ptr<net::TlsServerContext> tls;  // of the data listener; null: plain

 private:
  Listening() = default;
  using Opened = boost::system::result<void, StartFailure>;
  Opened open_data(const std::optional<std::string>& wanted, std::size_t workers, std::vector<int> passed);
  Opened open_admin(const std::optional<std::string>& wanted, std::vector<int> passed);
  std::vector<std::vector<int>> data_;  // by worker
  int admin_ = -1;
};

}  // namespace headworks::app
