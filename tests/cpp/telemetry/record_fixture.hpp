// Finished exchanges for the tests of telemetry.
#pragma once

#include "base/random.hpp"
#include "telemetry/exchange_record.hpp"

namespace headworks::telemetry {

// One failed attempt, then one that was answered.
inline ExchangeRecord sample_record(std::uint64_t seed = 1) {
  base::Random random(seed);
  ExchangeRecord record;
  record.started = base::WallTime{std::chrono::milliseconds{1'769'851'800'000}};
  record.id = base::RequestId(random, record.started);
  record.total = std::chrono::milliseconds{125};
  record.overhead = std::chrono::microseconds{180};
  record.route = "/v1/chat/completions";
  record.client_key_id = "key_1";
  record.client_key = "app";
  record.model = record.model_label = "llama-70b";
  record.stream = true;
  record.status = 200;
  record.bytes_in = 300;
  record.bytes_out = 4000;
  AttemptRecord failed;
  failed.backend_id = "bkd_1", failed.backend = "nim-1", failed.pool = "primary",
  failed.model_sent = "meta/llama";
  failed.status = 503;
  failed.error = base::ErrorKind::upstream_error;
  AttemptRecord answered;
  answered.backend_id = "bkd_2", answered.backend = "paid", answered.pool = "fallback",
  answered.model_sent = "llama";
  answered.status = 200;
  answered.first_byte = std::chrono::milliseconds{40};
  answered.total = std::chrono::milliseconds{120};
  answered.usage = {.input_tokens = 12, .output_tokens = 34, .source = base::UsageSource::reported};
  answered.cost = {1500};
  record.attempts.push_back(failed);
  record.attempts.push_back(answered);
  return record;
}

}  // namespace headworks::telemetry
