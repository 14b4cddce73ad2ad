#include "routing/upstream_failure.hpp"

#include <array>

namespace headworks::routing {
namespace {

using base::ErrorKind;
using enum FailureClass;

// class, name, next backend?, same backend again?, cools, relay its answer?, kind, message
constexpr std::array kTable = {
    FailureRow{connect, "connect", true, false, Cools::nothing, false, ErrorKind::upstream_connect,
               "The upstream could not be reached."},
    FailureRow{reset, "reset", true, true, Cools::nothing, false, ErrorKind::upstream_reset,
               "The upstream closed the connection before it had answered."},
    FailureRow{timeout_first_byte, "timeout_first_byte", true, false, Cools::nothing, false,
               ErrorKind::upstream_timeout, "The upstream did not begin to answer in time."},
    FailureRow{timeout_idle, "timeout_idle", true, false, Cools::nothing, false, ErrorKind::upstream_timeout,
               "The upstream stopped answering."},
    FailureRow{timeout_total, "timeout_total", true, false, Cools::nothing, false,
               ErrorKind::upstream_timeout, "The upstream did not finish in time."},
    FailureRow{malformed, "malformed", true, false, Cools::nothing, false, ErrorKind::upstream_malformed,
               "The upstream's answer could not be understood."},
    FailureRow{html_instead, "html_instead", true, false, Cools::nothing, false,
               ErrorKind::upstream_malformed, "The upstream answered with a web page."},
    FailureRow{status_429, "status_429", true, false, Cools::backend, true, ErrorKind::all_backends_limited,
               "The upstream is rate limited."},
    FailureRow{status_auth, "status_auth", true, false, Cools::nothing, false, ErrorKind::upstream_auth,
               "The upstream did not accept this gateway's credential."},
    FailureRow{status_408_409, "status_408_409", true, true, Cools::nothing, true, ErrorKind::upstream_error,
               "The upstream could not take the request."},
    FailureRow{status_5xx, "status_5xx", true, true, Cools::nothing, true, ErrorKind::upstream_error,
               "The upstream failed."},
    FailureRow{client_error, "client_error", false, false, Cools::nothing, true, ErrorKind::upstream_error,
               "The upstream refused the request."},
    FailureRow{stream_error_before_commit, "stream_error_before_commit", true, true, Cools::nothing, true,
               ErrorKind::upstream_error, "The upstream failed as it began to stream."},
};

constexpr bool in_order() {
  if (kTable.size() != static_cast<std::size_t>(count_)) return false;
  for (std::size_t i = 0; i < kTable.size(); ++i)
    if (kTable[i].failure != static_cast<FailureClass>(i)) return false;
  return true;
}
static_assert(in_order(), "one row per FailureClass, in the order of the enumerators");

}  // namespace

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
