#include "base/error.hpp"

#include <array>

namespace headworks::base {
namespace {

using enum ErrorKind;
using enum ClientRetry;

constexpr std::string_view kInvalid = "invalid_request_error";
constexpr std::string_view kAuth = "authentication_error";
constexpr std::string_view kRate = "rate_limit_error";
constexpr std::string_view kUpstream = "upstream_error";
constexpr std::string_view kOverloaded = "overloaded_error";
constexpr std::string_view kTimeout = "timeout_error";
constexpr std::string_view kApi = "api_error";
constexpr std::string_view kMissing = "not_found_error";

constexpr std::array kTable = {
    ErrorRow{rejected, "rejected", 403, 403, "permission_error", "permission_error", never, LogLevel::info},
    ErrorRow{bad_request, "bad_request", 400, 400, kInvalid, kInvalid, never, LogLevel::info},
    ErrorRow{invalid_json, "invalid_json", 400, 400, kInvalid, kInvalid, never, LogLevel::info},
    ErrorRow{duplicate_key, "duplicate_key", 400, 400, kInvalid, kInvalid, never, LogLevel::info},
    ErrorRow{missing_model, "missing_model", 400, 400, kInvalid, kInvalid, never, LogLevel::info},
    ErrorRow{missing_credential, "missing_credential", 401, 401, kAuth, kAuth, never, LogLevel::info},
    ErrorRow{invalid_api_key, "invalid_api_key", 401, 401, kAuth, kAuth, never, LogLevel::info},
    ErrorRow{insufficient_quota, "insufficient_quota", 429, 402, "insufficient_quota", "billing_error", exhausted,
             LogLevel::info},
    ErrorRow{model_not_allowed, "model_not_allowed", 403, 403, "permission_error", "permission_error", never,
             LogLevel::info},
    ErrorRow{model_not_found, "model_not_found", 404, 404, kMissing, kMissing, never, LogLevel::info},
    ErrorRow{route_not_found, "route_not_found", 404, 404, kMissing, kMissing, never, LogLevel::info},
    ErrorRow{method_not_allowed, "method_not_allowed", 405, 405, kInvalid, kInvalid, never, LogLevel::info},
    ErrorRow{request_timeout, "request_timeout", 408, 408, kInvalid, kInvalid, never, LogLevel::info},
    ErrorRow{body_too_large, "body_too_large", 413, 413, "request_too_large", "request_too_large", never,
             LogLevel::info},
    ErrorRow{uri_too_long, "uri_too_long", 414, 414, kInvalid, kInvalid, never, LogLevel::info},
    ErrorRow{headers_too_large, "headers_too_large", 431, 431, kInvalid, kInvalid, never, LogLevel::info},
    ErrorRow{unsupported_media_type, "unsupported_media_type", 415, 415, kInvalid, kInvalid, never,
             LogLevel::info},
    ErrorRow{expectation_failed, "expectation_failed", 417, 417, kInvalid, kInvalid, never, LogLevel::info},
    ErrorRow{upgrade_required, "upgrade_required", 426, 426, kInvalid, kInvalid, never, LogLevel::info},
    ErrorRow{not_implemented, "not_implemented", 501, 501, kInvalid, kInvalid, never, LogLevel::info},
    ErrorRow{http_version_not_supported, "http_version_not_supported", 505, 505, kInvalid, kInvalid, never,
             LogLevel::info},
    ErrorRow{key_rate_limited, "key_rate_limited", 429, 429, kRate, kRate, later, LogLevel::info},
    ErrorRow{all_backends_limited, "all_backends_limited", 429, 429, kRate, kRate, later, LogLevel::warn},
    ErrorRow{queue_full, "queue_full", 429, 429, kRate, kRate, later, LogLevel::warn},
    ErrorRow{upstream_connect, "upstream_connect", 502, 502, kUpstream, kApi, exhausted, LogLevel::warn},
    ErrorRow{upstream_reset, "upstream_reset", 502, 502, kUpstream, kApi, exhausted, LogLevel::warn},
    ErrorRow{upstream_malformed, "upstream_malformed", 502, 502, kUpstream, kApi, exhausted, LogLevel::warn},
    ErrorRow{upstream_auth, "upstream_auth", 502, 502, kUpstream, kApi, exhausted, LogLevel::error},
    ErrorRow{upstream_error, "upstream_error", 502, 502, kUpstream, kApi, exhausted, LogLevel::warn},
    ErrorRow{upstream_timeout, "upstream_timeout", 504, 504, kTimeout, kTimeout, exhausted, LogLevel::warn},
    ErrorRow{deadline_exceeded, "deadline_exceeded", 504, 504, kTimeout, kTimeout, exhausted, LogLevel::warn},
    ErrorRow{no_backend, "no_backend", 503, 503, kOverloaded, kOverloaded, exhausted, LogLevel::warn},
    ErrorRow{hook_failed, "hook_failed", 503, 503, kOverloaded, kOverloaded, exhausted, LogLevel::error},
    ErrorRow{draining, "draining", 503, 503, kOverloaded, kOverloaded, later, LogLevel::info},
    ErrorRow{overloaded, "overloaded", 503, 503, kOverloaded, kOverloaded, later, LogLevel::warn},
    ErrorRow{internal, "internal", 500, 500, kApi, kApi, exhausted, LogLevel::error},
    ErrorRow{client_closed, "client_closed", 499, 499, kInvalid, kInvalid, never, LogLevel::info},
    ErrorRow{not_found, "not_found", 404, 404, kMissing, kMissing, never, LogLevel::info},
    ErrorRow{conflict, "conflict", 409, 409, kInvalid, kInvalid, never, LogLevel::info},
    ErrorRow{stale_revision, "stale_revision", 412, 412, kInvalid, kInvalid, never, LogLevel::info},
    ErrorRow{permission_denied, "permission_denied", 403, 403, "permission_error", "permission_error", never,
             LogLevel::info},
    ErrorRow{misdirected, "misdirected", 421, 421, kInvalid, kInvalid, never, LogLevel::info},
    ErrorRow{too_many_wrong_tokens, "too_many_wrong_tokens", 429, 429, kRate, kRate, later, LogLevel::warn},
    ErrorRow{invalid_configuration, "invalid_configuration", 400, 400, kInvalid, kInvalid, never,
             LogLevel::info},
    ErrorRow{key_unreadable, "key_unreadable", 409, 409, kInvalid, kInvalid, never, LogLevel::error},
    ErrorRow{storage_failed, "storage_failed", 507, 507, kApi, kApi, exhausted, LogLevel::error},
};

constexpr bool complete() {
  if (kTable.size() != static_cast<std::size_t>(count_)) return false;
  for (const ErrorRow& row : kTable) {
    bool found = false;
    for (const ErrorRow& other : kTable) found |= (&row != &other && row.kind == other.kind);
    if (found) return false;
  }
  return true;
}
static_assert(complete(), "one row per ErrorKind, no more, no less");

// Rows stand in reading order; the enumerators decide the index.
constexpr auto kIndex = [] {
  std::array<std::uint8_t, static_cast<std::size_t>(count_)> index{};
  for (std::size_t i = 0; i < kTable.size(); ++i)
    index[static_cast<std::size_t>(kTable[i].kind)] = static_cast<std::uint8_t>(i);
  return index;
}();

}  // namespace

const ErrorRow& row_of(ErrorKind kind) { return kTable[kIndex[static_cast<std::size_t>(kind)]]; }

std::optional<ErrorKind> find_error_kind(std::string_view code) {
  for (const ErrorRow& row : kTable)
    if (row.code == code) return row.kind;
  return std::nullopt;
}

}  // namespace headworks::base
