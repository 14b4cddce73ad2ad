#include "vault/sidecar_key.hpp"

#include <openssl/evp.h>
#include <sodium.h>

#include <memory>
#include <string>

namespace headworks::vault {
namespace {

constexpr std::size_t kNonce = 12, kTag = 16;

std::optional<std::string> decode(std::string_view text) {
  std::string bytes(text.size(), '\0');
  std::size_t size = 0;
  const char* end = nullptr;
  if (sodium_base642bin(reinterpret_cast<unsigned char*>(bytes.data()), bytes.size(), text.data(), text.size(), nullptr, &size,
                        &end, sodium_base64_VARIANT_ORIGINAL) != 0 ||
      end != text.data() + text.size())
    return std::nullopt;
  bytes.resize(size);
  return bytes;
}

const unsigned char* bytes_of(const std::string& text, std::size_t at = 0) {
  return reinterpret_cast<const unsigned char*>(text.data()) + at;
}

}  // namespace

std::optional<SidecarKey> parse_sidecar_key(std::string_view base64) {
  const auto bytes = decode(base64);
  SidecarKey key{};
  if (!bytes || bytes->size() != key.size()) return std::nullopt;
  std::copy(bytes->begin(), bytes->end(), key.begin());
  return key;
}

bool looks_sealed_by_sidecar(std::string_view text) {
  const auto bytes = decode(text);
  return bytes && bytes->size() > kNonce + kTag;
}

// By OpenSSL, which has the algorithm on every CPU.
std::optional<base::Secret> open_sidecar_key(const SidecarKey& key, std::string_view text) {
  auto bytes = decode(text);
  if (!bytes || bytes->size() <= kNonce + kTag) return std::nullopt;
  const std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)> context(EVP_CIPHER_CTX_new(), &EVP_CIPHER_CTX_free);
  std::string clear(bytes->size() - kNonce - kTag, '\0');
  int size = 0, rest = 0;
  auto* out = reinterpret_cast<unsigned char*>(clear.data());
  const bool opened =
      EVP_DecryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, key.data(), bytes_of(*bytes)) == 1 &&
      EVP_DecryptUpdate(context.get(), out, &size, bytes_of(*bytes, kNonce), static_cast<int>(clear.size())) == 1 &&
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_SET_TAG, kTag, bytes->data() + bytes->size() - kTag) == 1 &&
      EVP_DecryptFinal_ex(context.get(), out + size, &rest) == 1;
  std::optional<base::Secret> secret;
  if (opened) secret.emplace(std::string_view(clear));
  base::wipe(clear);
  return secret;
}

}  // namespace headworks::vault
