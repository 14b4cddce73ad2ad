// A text sealed with a passphrase, to leave this machine: Argon2id (RFC 9106; its cost stands in the box, so that it may
// grow) makes the key, XChaCha20-Poly1305 seals. Text form: "hwp1:" and base64 of ops (4 bytes, big endian), memory in
// KiB (4), salt (16), nonce (24), ciphertext and tag. Takes some 0.1 s and 64 MiB on purpose: not for event loops.
// Thread-safe. Must not know: what is in it.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/secret.hpp"

namespace headworks::vault {

inline constexpr std::size_t kLeastPassphrase = 12;  // characters

std::string seal_with_passphrase(std::string_view clear, const base::Secret& passphrase);

// Kind bad_request: no such box, or one that asks for more work than we do; key_unreadable: another passphrase, or damage.
base::Result<base::Secret> open_with_passphrase(std::string_view box, const base::Secret& passphrase);

}  // namespace headworks::vault
