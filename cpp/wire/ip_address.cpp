#include "wire/ip_address.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>

namespace headworks::wire {
namespace {

std::uint32_t v4_in(std::span<const std::uint8_t, 4> bytes) {
  return std::uint32_t{bytes[0]} << 24 | std::uint32_t{bytes[1]} << 16 | std::uint32_t{bytes[2]} << 8 | bytes[3];
}

}  // namespace

bool is_forbidden_v4(std::uint32_t address) {
  const std::uint32_t top = address >> 24;
  return address >> 16 == 0xa9fe    // 169.254/16, link-local and metadata (RFC 3927)
         || top == 0                // "this network" (RFC 791)
         || (top & 0xf0) == 0xe0    // multicast
         || address == 0xffffffff;  // broadcast
}

bool is_forbidden_v6(std::span<const std::uint8_t, 16> address) {
  // RFC 4291, section 2.5.5.2, and RFC 6052, section 2.1: an IPv4 address inside.
  static constexpr std::array<std::uint8_t, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  static constexpr std::array<std::uint8_t, 12> kTranslated{0, 0x64, 0xff, 0x9b};
  const auto begins = [&](const auto& prefix) { return std::equal(prefix.begin(), prefix.end(), address.begin()); };
  if (begins(kMapped) || begins(kTranslated)) return is_forbidden_v4(v4_in(address.last<4>()));
  const bool unspecified = std::all_of(address.begin(), address.end(), [](std::uint8_t byte) { return byte == 0; });
  const bool link_local = address[0] == 0xfe && (address[1] & 0xc0) == 0x80;
  return unspecified || link_local || address[0] == 0xff;
}

bool is_forbidden_literal(const std::string& host) {
  std::array<std::uint8_t, 16> bytes{};
  if (::inet_pton(AF_INET, host.c_str(), bytes.data()) == 1)
    return is_forbidden_v4(v4_in(std::span<const std::uint8_t, 16>(bytes).first<4>()));
  return ::inet_pton(AF_INET6, host.c_str(), bytes.data()) == 1 && is_forbidden_v6(bytes);
}

}  // namespace headworks::wire
