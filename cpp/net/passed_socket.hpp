// Listening sockets that somebody else has opened: a service manager, or the process that this one takes over from.
// Must not know: how they came here.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "net/listener.hpp"

namespace headworks::net {

// Makes `fd` one of ours (non-blocking, not for child processes) and answers where it listens, as numbers. Kind
// invalid_configuration when it is no listening TCP socket, or listens elsewhere than at `wanted` (none: anywhere is
// right; port 0: any port). The descriptor stays the caller's.
base::Result<ListenAddress> take_up_socket(int fd, const std::optional<ListenAddress>& wanted);

}  // namespace headworks::net
