// Attempt: one upstream call for an exchange, up to the point where its answer becomes the client's or turns out to be
// a failure. Sends the request, reads the head, judges status, media type and (for a stream) the first event.
//
// Owned by one exchange. Must not know: what is tried next (routing decides).
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "gateway/client_request.hpp"
#include "gateway/exchange.hpp"
#include "gateway/stream_filter.hpp"
#include "net/upstream_client.hpp"
#include "routing/attempt_plan.hpp"
#include "routing/cooldown_rule.hpp"

namespace headworks::gateway {

// The upstream's own error answer, kept because it may become the client's.
struct LastAnswer {
  std::uint16_t status = 0;
  std::string content_type;
  std::string body;
};

class Attempt {
 public:
  // `attempt` is consumed: its reservation is held until this object goes.
  Attempt(Exchange& exchange, const ClientRequest& request, routing::Try attempt);
  ~Attempt();  // hands its record to the exchange
  Attempt(const Attempt&) = delete;

  enum class End : std::uint8_t {
    committed,    // call() has a good answer: relay it
    failed,       // failure() says how; last_answer() may hold the upstream's words
    client_left,
  };
  net::Task<End> run();

  net::UpstreamCall& call() { return call_; }
  const ClientRequest& request() const { return request_; }
  const catalog::Target& target() const { return *try_.target; }
  base::TimePoint started() const { return started_; }

  // After `committed`: the bytes that were read before (valid until call().poll_body()), and whether they are all.
  std::string_view first_bytes() const { return first_; }
  bool body_ended() const { return body_ended_; }
  bool is_stream() const { return stream_; }
  StreamFilter& filter() { return filter_; }
  const StreamFilter& filter() const { return filter_; }
  // How long to wait for the next byte.
  base::TimePoint idle_deadline() const;
  bool is_out_of_time() const;  // all the time that this attempt had is used up

  // After `failed`.
  const routing::UpstreamFailure& failure() const { return failure_; }
  const routing::Passage& passage() const { return try_.passage; }
  LastAnswer& last_answer() { return last_answer_; }

  telemetry::AttemptRecord& record() { return record_; }
  bool sent() const { return record_.sent; }
  // The record with its clocks as they stand now.
  telemetry::AttemptRecord so_far() const;

 private:
  // The clocks of this attempt: the mapping's own, else the backend's, else the settings'.
  struct Clocks {
    base::Duration connect{}, write{}, first_byte{}, idle{}, total{};
  };
  static Clocks clocks_of(const catalog::Target& target, const catalog::Settings::Timeouts& timeouts);
  std::string_view model_to_send() const;
  void write_body();
  void write_head();
  void mark_sent(base::TimePoint now);
  void settle_usage();
  End fail(routing::FailureClass failure);
  End fail_transport(net::CallStatus status);
  net::Task<End> read_first_bytes();
  net::Task<End> read_error(routing::FailureClass failure);
  // Waits for more of the body; not `ok`: the attempt ends so.
  net::Task<net::CallStatus> wait_for_more(base::TimePoint deadline);
  End take_first(std::string_view bytes);

  Exchange& exchange_;
  const ClientRequest& request_;
  routing::Try try_;
  const Clocks clocks_;
  base::TimePoint started_;
  base::TimePoint total_deadline_;
  net::UpstreamCall call_;
  std::string changed_body_;  // with the mapping's parameters; empty: the client's own bytes
  dialect::SplicedBody body_;
  std::string head_;
  telemetry::AttemptRecord record_;
  routing::UpstreamFailure failure_;
  LastAnswer last_answer_;
  StreamFilter filter_;
  std::string held_;  // first bytes that came in several pieces
  std::string_view first_;
  bool stream_ = false;
  bool body_ended_ = false;
};

}  // namespace headworks::gateway
