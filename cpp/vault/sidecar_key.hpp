// Provider keys as the Python sidecar sealed them: base64 of nonce (12 bytes), AES-256-GCM ciphertext and tag (16), with no
// associated data, under one 32-byte key. Read once, at an import; we seal otherwise (sealer.hpp). Thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/secret.hpp"

namespace headworks::vault {

using SidecarKey = std::array<std::uint8_t, 32>;

// From 32 bytes of base64; none when it is not that.
std::optional<SidecarKey> parse_sidecar_key(std::string_view base64);

// Whether the text has the form of such an envelope. One without it was stored in clear, before there was encryption.
bool looks_sealed_by_sidecar(std::string_view text);

// None: another key, or damage.
std::optional<base::Secret> open_sidecar_key(const SidecarKey& key, std::string_view text);

}  // namespace headworks::vault
