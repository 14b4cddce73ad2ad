// Which IP addresses no upstream has: link-local ones (the metadata services of clouds are there), "this network",
// multicast, broadcast. Asked where a URL is read, and again of what a name led to. Must not know: names, sockets.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace headworks::wire {

bool is_forbidden_v4(std::uint32_t address);  // in the host's byte order
bool is_forbidden_v6(std::span<const std::uint8_t, 16> address);

// Of an address as text, of either family, without brackets; false for a name.
bool is_forbidden_literal(const std::string& host);

}  // namespace headworks::wire
