// What the process has around it: addresses from flags and environment, descriptors, the service manager; and how an
// error becomes an exit code. Must not know: what is served.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "app/gateway_app.hpp"
#include "net/listener.hpp"

namespace headworks::app {

// The kind decides the exit code where it has one of its own, else `exit`.
StartFailure failure_of(const base::Error& error, Exit exit = Exit::failed);

// "conf/a.json" -> "conf"; "" when the file stands in the current folder.
std::string folder_of(const std::string& file);
// `file` as seen from `folder`, unless it is absolute.
std::string in_folder(const std::string& folder, const std::string& file);

// As many descriptors as we may have: each exchange needs two.
void raise_descriptor_limit();

// No core file and no debugger of the same user: keys are in this process's memory. For the whole process.
void forbid_dumps();

// sd_notify(3): "READY=1", "STOPPING=1", "MAINPID=...". Does nothing without NOTIFY_SOCKET.
void notify_service_manager(const char* state);

// The flag, else the environment variable, else the file's; none: nobody says where.
std::optional<std::string> find_address(const std::optional<std::string>& flag, const char* variable,
                                        const std::optional<std::string>& file);

std::string url_of(const net::ListenAddress& address, std::uint16_t port, bool tls);

}  // namespace headworks::app
