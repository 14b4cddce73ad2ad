#include "gateway/exchange.hpp"

namespace headworks::gateway {

Exchange::Exchange(LoopContext& context, net::Request& request, net::ResponseWriter& response,
                   std::string_view route_name)
    : context_(context),
      request_(request),
      response_(response),
      catalog_(context.routes.catalog()),
      started_(request.arrived()) {
  record_.id = base::RequestId(context.loop.random());
  record_.started = context.loop.wall();
  record_.route = route_name;
  record_.keep_alive = catalog_;
  request_.watch_client(this);
}

Exchange::~Exchange() {
  request_.watch_client(nullptr);
  record_.total = now() - started_;
  base::Duration upstream{};
  for (const telemetry::AttemptRecord& attempt : record_.attempts) upstream += attempt.total;
  record_.overhead = std::max(base::Duration{}, record_.total - upstream - record_.queue_wait);
  record_.status = response_.status();
  record_.bytes_out = response_.body_bytes();
  if (!response_.complete() && !client_has_all_ && !record_.error) {  // it left, or did not read
    record_.status = base::row_of(base::ErrorKind::client_closed).status;
    record_.error = base::ErrorKind::client_closed;
  }
  context_.recorder.record(context_.loop.index(), std::move(record_));
}

void Exchange::on_peer_closed() {
  client_left_ = true;
  if (call_ != nullptr) call_->interrupt();
  if (sleep_ != nullptr) sleep_->interrupt();
}

void Exchange::set_client_key(const catalog::ClientKeyEntry& key, gauges::Reservation reservation) {
  client_key_ = &key;
  key_reservation_ = std::move(reservation);
  key_reservation_.mark_sent();  // a request counts against its key, whatever becomes of it
  record_.client_key_id = key.row.id;
  record_.client_key = key.row.name;
}

void Exchange::set_route(std::shared_ptr<const ModelRoute> route) {
  route_ = std::move(route);
  record_.model = route_->model;
  record_.keep_alive = route_;
}

}  // namespace headworks::gateway
