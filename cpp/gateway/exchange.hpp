// Exchange: one client request and our one answer, from authentication to the ledger. Its destructor hands exactly
// one record to the recorder, whatever happened in between; it also hears when the client leaves and then ends
// whatever the exchange is waiting for.
//
// Owned by one coroutine of one loop.
#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "base/error.hpp"
#include "gateway/loop_context.hpp"
#include "gateway/route_table.hpp"
#include "gateway/waiting_room.hpp"
#include "gauges/reservation.hpp"
#include "gauges/spend_hold.hpp"
#include "net/handler.hpp"
#include "net/upstream_client.hpp"
#include "routing/attempt_plan.hpp"
#include "telemetry/exchange_record.hpp"

namespace headworks::gateway {

class Attempt;
struct HookPart;

class Exchange final : public RunningExchange, private net::PeerWatcher {
 public:
  // `route_name` is from the route table (a bounded set, with static storage).
  Exchange(LoopContext& context, net::Request& request, net::ResponseWriter& response, std::string_view route_name);
  ~Exchange();
  Exchange(const Exchange&) = delete;

  LoopContext& context() { return context_; }
  net::Request& request() { return request_; }
  net::ResponseWriter& response() { return response_; }
  const catalog::Snapshot& snapshot() const { return *catalog_->snapshot; }
  const LoopCatalog& catalog() const { return *catalog_; }
  base::TimePoint now() const { return context_.loop.now(); }
  base::TimePoint started() const { return started_; }
  // Nothing of this exchange is waited for any longer. Until set_deadline(): the settings' own total time.
  base::TimePoint deadline() const { return deadline_; }
  void set_deadline(base::TimePoint deadline) { deadline_ = deadline; }

  telemetry::ExchangeRecord& record() { return record_; }
  telemetry::ExchangeRecord so_far() const override;
  bool settled() const override;
  void stop_waiting() override;
  std::string_view id() const { return record_.id.view(); }

  void set_client_key(const catalog::ClientKeyEntry& key, gauges::Reservation reservation);
  const catalog::ClientKeyEntry* client_key() const { return client_key_; }
  // What the key's own limits on tokens and money hold for this exchange, until it is known what it used.
  void hold_tokens(const gauges::TokenMeter::Taken& taken) { key_tokens_ = taken; }
  gauges::SpendHold& spend() { return spend_; }
  void set_route(std::shared_ptr<const ModelRoute> route);
  const ModelRoute& route() const { return *route_; }  // REQUIRES set_route
  const std::shared_ptr<const ModelRoute>& shared_route() const { return route_; }

  // What is to be interrupted when the client leaves; null: nothing. At most one at a time.
  void wait_on(net::UpstreamCall* call) { call_ = call; }
  void set_attempt(const Attempt* attempt) { attempt_ = attempt; }
  void wait_on(net::Sleep* sleep) { sleep_ = sleep; }
  void wait_on(WaitingRoom::Turn* turn) { turn_ = turn; }
  bool client_left() const { return client_left_; }

  // Null, as usual: no plug-in takes part.
  HookPart* hooks() { return hooks_.get(); }
  const HookPart* hooks() const { return hooks_.get(); }

  // What the client must not see of an upstream's words; `sender`: who said them.
  void mask_secrets(std::string& text, const catalog::BackendEntry& sender);

  // What the plan did besides its attempts, for the record. REQUIRES that its route is this exchange's.
  void note_plan(const routing::AttemptPlan& plan);
  // A cooldown that this exchange began: the store hears of it, so that a restart remembers. `model`: as the backend
  // calls it; empty: the whole backend, or its address.
  void keep_cooldown(const catalog::BackendEntry& backend, const routing::Cooldown& cooldown, std::string_view model);
  // How the exchange ended, for the record: an error of ours or the upstream's, or the client's leaving.
  void end_with(base::ErrorKind error) { record_.error = error; }
  // The client has the event that ends its stream: hanging up then, as SDKs do, is no leaving.
  void note_client_has_all() { client_has_all_ = true; }

 private:
  void on_peer_closed() override;
  void settle_key();
  void keep_alive();

  LoopContext& context_;
  net::Request& request_;
  net::ResponseWriter& response_;
  std::shared_ptr<const LoopCatalog> catalog_;
  std::shared_ptr<const ModelRoute> route_;
  std::unique_ptr<HookPart> hooks_;
  const catalog::ClientKeyEntry* client_key_ = nullptr;
  gauges::Reservation key_reservation_;
  std::optional<gauges::TokenMeter::Taken> key_tokens_;
  gauges::SpendHold spend_;
  base::TimePoint started_;
  base::TimePoint deadline_;
  telemetry::ExchangeRecord record_;
  net::UpstreamCall* call_ = nullptr;
  const Attempt* attempt_ = nullptr;  // the one that runs
  net::Sleep* sleep_ = nullptr;
  WaitingRoom::Turn* turn_ = nullptr;
  bool client_left_ = false;
  bool client_has_all_ = false;
};

}  // namespace headworks::gateway
