// Hook calls: the part that plug-ins take in an exchange. Each hook of a point is asked in turn, within its own time;
// what it answers is carried out here and noted in the record. One that is late, fails or answers what it may not is
// passed over or ends the exchange, as it declared. Nothing of this runs when no plug-in is loaded.
//
// Must not know: Python, who takes the questions.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "gateway/client_request.hpp"
#include "hooks/hook.hpp"
#include "net/task.hpp"
#include "routing/attempt_plan.hpp"
#include "telemetry/exchange_record.hpp"

namespace headworks::gateway {

class Exchange;

// What an exchange keeps of its hooks: those in force when it began, and what they have changed.
struct HookPart {
  explicit HookPart(std::shared_ptr<const hooks::HookSet> in_force) : set(std::move(in_force)) {}
  const std::shared_ptr<const hooks::HookSet> set;
  std::shared_ptr<const hooks::RequestView> request;  // as it stands; null until the first hook is asked
  std::vector<hooks::HeaderChange> headers;           // of what goes upstream
  bool listens(hooks::HookPoint point) const { return !set->at(point).empty(); }
  const hooks::HeaderChange* find_header(std::string_view name) const;
};

// The points before and between attempts. An error ends the exchange. After each of them: not to be gone on with when
// exchange.client_left(). REQUIRES exchange.hooks().
net::Task<base::Result<void>> ask_admit(Exchange& exchange, ClientRequest& request);
// May replace the exchange's route by one of the same targets in another order. REQUIRES set_route().
net::Task<base::Result<void>> ask_route(Exchange& exchange, const ClientRequest& request,
                                        const routing::PlanLimits& limits);
// After an attempt: its record is the exchange's last one.
net::Task<base::Result<routing::Advice>> ask_failed(Exchange& exchange, const ClientRequest& request,
                                                    const catalog::Target& target,
                                                    const routing::UpstreamFailure& failure);

}  // namespace headworks::gateway
