#include "routing/upstream_failure.hpp"

#include <array>

namespace headworks::routing {
namespace {

using base::ErrorKind;
using enum FailureClass;

constexpr bool kNext = true, kLarger = true, kAgain = true, kRelay = true;
constexpr bool kNo = false;

// class, name, next backend?, only a larger context?, same backend again?, cools, relay its answer?, kind, message
constexpr std::array kTable = {
    FailureRow{connect, "connect", kNext, kNo, kNo, Cools::as_unreachable, kNo, ErrorKind::upstream_connect,
               "The upstream could not be reached."},
    FailureRow{reset, "reset", kNext, kNo, kAgain, Cools::as_failing, kNo, ErrorKind::upstream_reset,
               "The upstream closed the connection before it had answered."},
    FailureRow{timeout_first_byte, "timeout_first_byte", kNext, kNo, kNo, Cools::as_failing, kNo,
               ErrorKind::upstream_timeout, "The upstream did not begin to answer in time."},
    FailureRow{timeout_idle, "timeout_idle", kNext, kNo, kNo, Cools::as_failing, kNo, ErrorKind::upstream_timeout,
               "The upstream stopped answering."},
    FailureRow{timeout_total, "timeout_total", kNext, kNo, kNo, Cools::as_failing, kNo, ErrorKind::upstream_timeout,
               "The upstream did not finish in time."},
    FailureRow{malformed, "malformed", kNext, kNo, kNo, Cools::as_failing, kNo, ErrorKind::upstream_malformed,
               "The upstream's answer could not be understood."},
    FailureRow{html_instead, "html_instead", kNext, kNo, kNo, Cools::as_failing, kNo, ErrorKind::upstream_malformed,
               "The upstream answered with a web page."},
    FailureRow{status_429, "status_429", kNext, kNo, kNo, Cools::as_limited, kRelay, ErrorKind::all_backends_limited,
               "The upstream is rate limited."},
    FailureRow{status_auth, "status_auth", kNext, kNo, kNo, Cools::as_unauthorized, kNo, ErrorKind::upstream_auth,
               "The upstream did not accept this gateway's credential."},
    FailureRow{status_408_409, "status_408_409", kNext, kNo, kAgain, Cools::nothing, kRelay,
               ErrorKind::upstream_error, "The upstream could not take the request."},
    FailureRow{status_5xx, "status_5xx", kNext, kNo, kAgain, Cools::as_failing, kRelay, ErrorKind::upstream_error,
               "The upstream failed."},
    FailureRow{context_too_long, "context_too_long", kNext, kLarger, kNo, Cools::nothing, kRelay,
               ErrorKind::upstream_error, "The request is too long for the model's context."},
    FailureRow{content_filter, "content_filter", kNo, kNo, kNo, Cools::nothing, kRelay, ErrorKind::upstream_error,
               "The upstream refused the content."},
    FailureRow{client_error, "client_error", kNo, kNo, kNo, Cools::nothing, kRelay, ErrorKind::upstream_error,
               "The upstream refused the request."},
    FailureRow{stream_error_before_commit, "stream_error_before_commit", kNext, kNo, kAgain, Cools::as_failing,
               kRelay, ErrorKind::upstream_error, "The upstream failed as it began to stream."},
};

constexpr bool in_order() {
  if (kTable.size() != static_cast<std::size_t>(count_)) return false;
  for (std::size_t i = 0; i < kTable.size(); ++i)
    if (kTable[i].failure != static_cast<FailureClass>(i)) return false;
  return true;
}
static_assert(in_order(), "one row per FailureClass, in the order of the enumerators");

}  // namespace

DurationSource UpstreamFailure::source() const {
  if (!retry_hint) return DurationSource::formula;
  return retry_hint->source == dialect::LimitSource::body ? DurationSource::body : DurationSource::header;
}

std::string_view name_of(DurationSource source) {
  static constexpr std::array<std::string_view, 5> kNames = {"header", "body", "formula", "hand", "hook"};
  return kNames[static_cast<std::size_t>(source)];
}

const FailureRow& row_of(FailureClass failure) { return kTable[static_cast<std::size_t>(failure)]; }

std::optional<FailureClass> find_failure_class(std::uint16_t status) {
  if (status >= 200 && status < 300) return std::nullopt;
  if (status == 401 || status == 403) return status_auth;
  if (status == 408 || status == 409) return status_408_409;
  if (status == 429) return status_429;
  if (status >= 400 && status < 500) return client_error;
  if (status >= 500 && status < 600) return status_5xx;
  return malformed;
}

}  // namespace headworks::routing
