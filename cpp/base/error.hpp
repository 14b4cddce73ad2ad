// What can go wrong, as values.
//
// One enumerator per kind, one row per kind in error.cpp: status, wire types, what the client should do next,
// log level. No other switch on kinds exists. Surface: "Errors" in section 4 of the contract.
// Must not know: HTTP messages, dialects, sockets.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace headworks::base {

enum class ErrorKind : std::uint8_t {
  // The client's request is at fault.
  rejected,  // by a plug-in
  bad_request,
  invalid_json,
  duplicate_key,
  missing_model,
  missing_credential,
  invalid_api_key,
  insufficient_quota,
  model_not_allowed,
  model_not_found,
  route_not_found,
  method_not_allowed,
  request_timeout,
  body_too_large,
  uri_too_long,
  headers_too_large,
  unsupported_media_type,
  expectation_failed,
  upgrade_required,
  not_implemented,
  http_version_not_supported,
  // Limits: the client may come back later.
  key_rate_limited,
  all_backends_limited,
  queue_full,
  // The upstream is at fault.
  upstream_connect,
  upstream_reset,
  upstream_malformed,
  upstream_auth,
  upstream_error,
  upstream_timeout,
  deadline_exceeded,
  // We are.
  no_backend,
  hook_failed,  // a plug-in's policy is to let nothing pass without its word
  draining,
  overloaded,
  internal,
  // The client went away; never sent, only recorded (status 499 in the ledger).
  client_closed,
  // The control plane and the store.
  not_found,
  conflict,
  stale_revision,
  permission_denied,
  misdirected,          // by a name that is not this server's
  too_many_wrong_tokens,
  invalid_configuration,
  key_unreadable,
  storage_failed,
  count_  // number of kinds; not a kind
};

// What a client that got this error should do next: decides x-should-retry and retry-after.
enum class ClientRetry : std::uint8_t {
  never,      // the same request will fail again
  later,      // the answer says when, if that is known
  exhausted,  // we have retried already, or a budget is spent: x-should-retry: false
};

enum class LogLevel : std::uint8_t { debug, info, warn, error };

struct ErrorRow {
  ErrorKind kind;
  std::string_view code;            // the stable name that clients see
  std::uint16_t status;             // HTTP status (OpenAI dialect and ours)
  std::uint16_t anthropic_status;   // differs for insufficient_quota only
  std::string_view openai_type;
  std::string_view anthropic_type;
  ClientRetry client_retry;
  LogLevel level;
};

const ErrorRow& row_of(ErrorKind kind);
inline std::string_view code_of(ErrorKind kind) { return row_of(kind).code; }
std::optional<ErrorKind> find_error_kind(std::string_view code);

struct Error {
  ErrorKind kind = ErrorKind::internal;
  std::string message;                                   // safe to show to a client
  std::string detail = {};                               // for the log only; never secrets
  std::optional<std::chrono::nanoseconds> retry_after = std::nullopt;
  std::string param = {};                                // the request field at fault, if there is one
  std::string hint = {};                                 // what to write instead, if that is known
};

}  // namespace headworks::base
