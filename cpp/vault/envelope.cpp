#include "vault/envelope.hpp"

#include <sodium.h>

#include <algorithm>
#include <array>

namespace headworks::vault {
namespace {

using base::Result;

constexpr std::string_view kPrefix = "hwe1:";
constexpr std::string_view kMagic = "HWE1";
constexpr std::string_view kMagicInBase64 = "SFdFM";  // all that the four bytes decide
constexpr std::size_t kHeadBytes = 4 + 1 + 1 + 4;
constexpr std::size_t kSmallestClear = 32;
constexpr std::array<std::string_view, 2> kAlgorithms = {"aes256gcm", "xchacha20"};  // from 1 on
constexpr int kBase64 = sodium_base64_VARIANT_ORIGINAL;

base::Error damaged(const char* why) {
  return base::fail(base::ErrorKind::key_unreadable, std::string("the sealed key is damaged: ") + why);
}

// 0: there is no such algorithm.
std::size_t nonce_bytes(Algorithm algorithm) {
  switch (algorithm) {
    case Algorithm::aes_256_gcm:
      return kGcmNonceBytes;
    case Algorithm::xchacha20_poly1305:
      return kXChaChaNonceBytes;
  }
  return 0;
}

}  // namespace

std::string_view name_of(Algorithm algorithm) { return kAlgorithms[static_cast<std::size_t>(algorithm) - 1]; }
std::span<const std::string_view> algorithm_names() { return kAlgorithms; }
std::optional<Algorithm> find_algorithm(std::string_view name) {
  const auto found = std::find(kAlgorithms.begin(), kAlgorithms.end(), name);
  if (found == kAlgorithms.end()) return std::nullopt;
  return static_cast<Algorithm>(found - kAlgorithms.begin() + 1);
}

std::string head_of(const Envelope& envelope) {
  std::string head(kMagic);
  head.push_back(static_cast<char>(envelope.algorithm));
  head.push_back('\0');
  for (int shift = 24; shift >= 0; shift -= 8) head.push_back(static_cast<char>(envelope.kid >> shift));
  return head;
}

std::string format_envelope(const Envelope& envelope) {
  const std::string bytes = head_of(envelope) + envelope.nonce + envelope.cipher;
  std::string text(kPrefix);
  text.resize(kPrefix.size() + sodium_base64_encoded_len(bytes.size(), kBase64));
  sodium_bin2base64(text.data() + kPrefix.size(), text.size() - kPrefix.size(),
                    reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), kBase64);
  text.pop_back();  // libsodium ends it with a zero byte
  return text;
}

bool looks_like_envelope(std::string_view text) {
  return text.starts_with(kPrefix) ||
         (text.size() > kPrefix.size() && text.substr(kPrefix.size()).starts_with(kMagicInBase64));
}

Result<Envelope> parse_envelope(std::string_view text) {
  if (!text.starts_with(kPrefix)) return damaged("its prefix is not one");
  const std::string_view encoded = text.substr(kPrefix.size());
  std::string bytes(encoded.size(), '\0');
  std::size_t size = 0;
  if (sodium_base642bin(reinterpret_cast<unsigned char*>(bytes.data()), bytes.size(), encoded.data(),
                        encoded.size(), nullptr, &size, nullptr, kBase64) != 0)
    return damaged("it is not base64");
  bytes.resize(size);
  if (size < kHeadBytes || !bytes.starts_with(kMagic) || bytes[5] != 0) return damaged("its head is not one");
  Envelope envelope{.algorithm = static_cast<Algorithm>(bytes[4])};
  for (std::size_t at = 6; at < kHeadBytes; ++at)
    envelope.kid = envelope.kid << 8 | static_cast<unsigned char>(bytes[at]);
  const std::size_t nonce = nonce_bytes(envelope.algorithm);
  if (nonce == 0) return damaged("its algorithm is not known here");
  if (size < kHeadBytes + nonce + kSmallestClear + kTagBytes) return damaged("it is too short");
  envelope.nonce = bytes.substr(kHeadBytes, nonce);
  envelope.cipher = bytes.substr(kHeadBytes + nonce);
  // libsodium 1.0.18 takes some bytes above 0x7f for digits: one envelope must have one text.
  if (format_envelope(envelope) != text) return damaged("it is not base64");
  return envelope;
}

}  // namespace headworks::vault
