// DataPlane: the handler of one loop's data listener. Finds the route of a request and lets its endpoint answer.
// Loop-owned.
#pragma once

#include <atomic>

#include "gateway/loop_context.hpp"
#include "net/handler.hpp"

namespace headworks::gateway {

// Is the server ready for traffic, and is it on its way out? Shared, atomic.
struct Readiness {
  std::atomic<bool> ready{false};
  std::atomic<bool> draining{false};
};

class DataPlane final : public net::Handler {
 public:
  DataPlane(LoopContext& context, const Readiness& readiness) : context_(context), readiness_(readiness) {}

  net::Task<> handle(net::Request& request, net::ResponseWriter& response) override;
  void refuse(const base::Error& error, std::string_view target, wire::HeadWriter& head, std::string& body) override;

 private:
  LoopContext& context_;
  const Readiness& readiness_;
};

// Answers /livez and /readyz; also on the admin listener.
net::Task<> answer_health(bool healthy, net::ResponseWriter& response);

}  // namespace headworks::gateway
