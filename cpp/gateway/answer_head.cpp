#include "gateway/answer_head.hpp"

#include <algorithm>
#include <cstring>

#include "gateway/attempt.hpp"

namespace headworks::gateway {
namespace {

// The upstream's own id of the exchange: handed on under another name, kept for the ledger.
void write_upstream_id(Exchange& exchange, wire::HeadWriter& head, Attempt& attempt) {
  const wire::Field* id = attempt.call().head().find(wire::FieldId::x_request_id);
  if (id == nullptr) return;
  if (exchange.snapshot().secrets().stands_in(id->value)) {
    exchange.context().metrics.add(telemetry::Metric::secrets_masked, {"client"});
    return;
  }
  head.field("x-upstream-request-id", id->value);
  auto& kept = exchange.record().upstream_request_id;
  if (id->value.size() < kept.size()) std::memcpy(kept.data(), id->value.data(), id->value.size());
}

void write_limits(Exchange& exchange, wire::HeadWriter& head) {
  const catalog::ClientKeyEntry* key = exchange.client_key();
  if (key == nullptr) return;
  const base::TimePoint now = exchange.now();
  const auto text_of = [now](base::TimePoint at) {
    return std::to_string(std::chrono::ceil<std::chrono::milliseconds>(at - now).count()) + "ms";
  };
  if (key->row.rpm_limit != 0) {
    const gauges::TokenBucket& bucket = key->gauge->bucket();
    head.field("x-ratelimit-limit-requests", std::uint64_t{key->row.rpm_limit});
    head.field("x-ratelimit-remaining-requests", std::uint64_t{bucket.level(now)});
    head.field("x-ratelimit-reset-requests", text_of(bucket.earliest(now)));
  }
  if (key->row.tpm_limit != 0) {  // what is reserved for this exchange counts until it is settled
    gauges::TokenMeter& tokens = key->gauge->tokens();
    head.field("x-ratelimit-limit-tokens", std::uint64_t{key->row.tpm_limit});
    head.field("x-ratelimit-remaining-tokens", tokens.level(now));
    head.field("x-ratelimit-reset-tokens", text_of(tokens.earliest(1, now)));
  }
}

}  // namespace

void write_answer_head(Exchange& exchange, wire::HeadWriter& head, Attempt* attempt) {
  head.field("x-request-id", exchange.id());
  if (attempt != nullptr) write_upstream_id(exchange, head, *attempt);
  write_limits(exchange, head);
  if (!exchange.snapshot().settings().route_headers) return;
  const std::size_t finished = exchange.record().attempts.size();
  if (attempt != nullptr) {
    head.field("x-headworks-backend", attempt->record().backend);
    head.field("x-headworks-pool", attempt->record().pool);
    head.field("x-headworks-attempts", std::uint64_t{finished + 1});
  } else if (finished > 0) {
    head.field("x-headworks-attempts", std::uint64_t{finished});
  }
}

}  // namespace headworks::gateway
