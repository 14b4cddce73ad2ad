#include "vault/passphrase_box.hpp"

#include <sodium.h>

#include <array>
#include <stdexcept>

namespace headworks::vault {
namespace {

using base::ErrorKind;

constexpr std::string_view kPrefix = "hwp1:";
constexpr int kBase64 = sodium_base64_VARIANT_ORIGINAL;
constexpr std::uint32_t kOps = crypto_pwhash_OPSLIMIT_INTERACTIVE;
constexpr std::uint32_t kMemoryKib = crypto_pwhash_MEMLIMIT_INTERACTIVE / 1024;
constexpr std::uint32_t kMostOps = 16, kMostMemoryKib = 1024 * 1024;  // a box from elsewhere may not cost us more
constexpr std::size_t kSalt = crypto_pwhash_SALTBYTES, kNonce = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
constexpr std::size_t kTag = crypto_aead_xchacha20poly1305_ietf_ABYTES;
constexpr std::size_t kHead = 8 + kSalt + kNonce;

unsigned char* bytes_of(std::string& text, std::size_t from = 0) {
  return reinterpret_cast<unsigned char*>(text.data()) + from;
}
const unsigned char* bytes_of(std::string_view text, std::size_t from = 0) {
  return reinterpret_cast<const unsigned char*>(text.data()) + from;
}

void put_number(std::string& out, std::uint32_t number) {
  for (const int shift : {24, 16, 8, 0}) out.push_back(static_cast<char>(number >> shift & 0xff));
}
std::uint32_t number_at(std::string_view text, std::size_t at) {
  std::uint32_t number = 0;
  for (std::size_t byte = at; byte < at + 4; ++byte) number = number << 8 | static_cast<unsigned char>(text[byte]);
  return number;
}

struct Key {
  ~Key() { base::wipe(bytes.data(), bytes.size()); }
  std::array<unsigned char, crypto_aead_xchacha20poly1305_ietf_KEYBYTES> bytes{};
};

// `head`: ops, memory, salt, nonce.
bool derive(Key& key, std::string_view head, const base::Secret& passphrase) {
  return crypto_pwhash(key.bytes.data(), key.bytes.size(), passphrase.reveal().data(), passphrase.size(),
                       bytes_of(head, 8), number_at(head, 0), std::size_t{number_at(head, 4)} * 1024,
                       crypto_pwhash_ALG_ARGON2ID13) == 0;
}

}  // namespace

std::string seal_with_passphrase(std::string_view clear, const base::Secret& passphrase) {
  if (sodium_init() < 0) throw std::runtime_error("libsodium does not start");
  std::string box;
  put_number(box, kOps);
  put_number(box, kMemoryKib);
  box.resize(kHead + clear.size() + kTag);
  randombytes_buf(box.data() + 8, kSalt + kNonce);
  Key key;
  const std::string head = box.substr(0, kHead);
  if (!derive(key, head, passphrase)) throw std::runtime_error("not enough memory to seal with a passphrase");
  crypto_aead_xchacha20poly1305_ietf_encrypt(bytes_of(box, kHead), nullptr, bytes_of(clear), clear.size(), bytes_of(head),
                                             head.size(), nullptr, bytes_of(head, 8 + kSalt), key.bytes.data());
  std::string text(kPrefix);
  text.resize(kPrefix.size() + sodium_base64_encoded_len(box.size(), kBase64));
  sodium_bin2base64(text.data() + kPrefix.size(), text.size() - kPrefix.size(), bytes_of(box), box.size(), kBase64);
  text.pop_back();  // the NUL
  return text;
}

base::Result<base::Secret> open_with_passphrase(std::string_view text, const base::Secret& passphrase) {
  if (sodium_init() < 0) throw std::runtime_error("libsodium does not start");
  std::string box(text.size(), '\0');
  std::size_t size = 0;
  const bool is_one = text.starts_with(kPrefix) &&
                      sodium_base642bin(bytes_of(box), box.size(), text.data() + kPrefix.size(),
                                        text.size() - kPrefix.size(), nullptr, &size, nullptr, kBase64) == 0;
  if (!is_one || size < kHead + kTag) return base::fail(ErrorKind::bad_request, "this was not sealed with a passphrase");
  box.resize(size);
  const std::string_view head = std::string_view(box).substr(0, kHead);
  if (number_at(head, 0) > kMostOps || number_at(head, 4) > kMostMemoryKib)
    return base::fail(ErrorKind::bad_request, "opening this would take more memory or time than is given here");
  Key key;
  std::string clear(size - kHead - kTag, '\0');
  const bool opened = derive(key, head, passphrase) &&
                      crypto_aead_xchacha20poly1305_ietf_decrypt(
                          bytes_of(clear), nullptr, nullptr, bytes_of(std::string_view(box), kHead), size - kHead,
                          bytes_of(head), head.size(), bytes_of(head, 8 + kSalt), key.bytes.data()) == 0;
  if (!opened) return base::fail(ErrorKind::key_unreadable, "the passphrase is another one, or the text is damaged");
  base::Secret secret(clear);
  base::wipe(clear);
  return secret;
}

}  // namespace headworks::vault
