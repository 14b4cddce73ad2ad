// Envelope: the bytes of one sealed secret and their text. Parsing and formatting only: knows no key, opens
// nothing. The form is told in sealer.hpp.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace headworks::vault {

inline constexpr std::size_t kTagBytes = 16;
inline constexpr std::size_t kGcmNonceBytes = 12;
inline constexpr std::size_t kXChaChaNonceBytes = 24;

enum class Algorithm : std::uint8_t { aes_256_gcm = 1, xchacha20_poly1305 = 2 };
// As settings.crypto.alg says it.
std::string_view name_of(Algorithm algorithm);
std::span<const std::string_view> algorithm_names();
std::optional<Algorithm> find_algorithm(std::string_view name);

struct Envelope {
  Algorithm algorithm = Algorithm::aes_256_gcm;
  std::uint32_t kid = 0;
  std::string nonce = {};
  std::string cipher = {};  // with the tag at its end
};

// "hwe1:" + base64.
std::string format_envelope(const Envelope& envelope);

// Kind key_unreadable, saying what is wrong with it: the algorithm is known, every length is right.
base::Result<Envelope> parse_envelope(std::string_view text);

// Whether `text` is an envelope or was one before damage: the prefix, or the magic behind it, is there.
bool looks_like_envelope(std::string_view text);

// The envelope's first bytes, which are authenticated with it: "HWE1", algorithm, flags, kid.
std::string head_of(const Envelope& envelope);

}  // namespace headworks::vault
