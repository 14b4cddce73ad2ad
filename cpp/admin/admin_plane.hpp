// AdminPlane: the handler of one loop's admin listener: health and metrics. The admin API's routes join here.
// Loop-owned. Must not know: how what it shows came about.
#pragma once

#include <functional>

#include "net/handler.hpp"
#include "telemetry/metrics.hpp"

namespace headworks::admin {

class AdminPlane final : public net::Handler {
 public:
  // `ready` tells whether the server takes traffic; must be thread-safe. Both must outlive the plane.
  AdminPlane(const telemetry::Metrics& metrics, std::function<bool()> ready)
      : metrics_(metrics), ready_(std::move(ready)) {}

  net::Task<> handle(net::Request& request, net::ResponseWriter& response) override;
  void refuse(const base::Error& error, std::string_view target, wire::HeadWriter& head,
              std::string& body) override;

 private:
  const telemetry::Metrics& metrics_;
  std::function<bool()> ready_;
};

}  // namespace headworks::admin
