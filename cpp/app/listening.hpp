// Listening: the sockets that a server takes its clients on, opened before anything runs, so that an address in use
// ends the start at once. Must not know: loops, planes.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "app/gateway_app.hpp"
#include "catalog/configuration.hpp"
#include "net/tls.hpp"

namespace headworks::app {

class Listening {
 public:
  // One data socket per worker. `file` (null: none) is the configuration of the start.
  static boost::system::result<Listening, StartFailure> open(const Options& options, const catalog::Configuration* file,
                                                             std::size_t workers);
  Listening(Listening&& other) noexcept;
  ~Listening();  // closes what was not taken

  int take_data(std::size_t worker) { return std::exchange(data_[worker], -1); }
  int take_admin() { return std::exchange(admin_, -1); }

  std::string data_url, admin_url;
  std::shared_ptr<net::TlsServerContext> tls;  // of the data listener; null: plain

 private:
  Listening() = default;
  std::vector<int> data_;
  int admin_ = -1;
};

}  // namespace headworks::app
