#include "vault/sealer.hpp"

#include <openssl/evp.h>
#include <sodium.h>

namespace headworks::vault {
namespace {

using base::ErrorKind;
using base::fail;
using base::Result;

constexpr std::size_t kPad = 32;
constexpr char kPadMark = '\x80';
constexpr std::string_view kCheckText = "headworks master key check";
constexpr SealContext kCheckContext{"master_key_checks", "check", "", ""};

static_assert(crypto_aead_aes256gcm_ABYTES == kTagBytes &&
              crypto_aead_xchacha20poly1305_ietf_ABYTES == kTagBytes);
static_assert(crypto_aead_aes256gcm_NPUBBYTES == kGcmNonceBytes);
static_assert(crypto_aead_xchacha20poly1305_ietf_NPUBBYTES == kXChaChaNonceBytes);

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* bytes_of(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

void append_big_endian(std::string& out, std::uint32_t number) {
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<char>(number >> shift));
}

// What is authenticated beside the clear text: a list whose elements cannot run into each other.
std::string associated_data(std::string_view head, const SealContext& context) {
  std::string data;
  for (const std::string_view part :
       {std::string_view("headworks"), head, context.table, context.column, context.row_id, context.origin}) {
    append_big_endian(data, static_cast<std::uint32_t>(part.size()));
    data.append(part);
  }
  return data;
}

// AES-256-GCM without libsodium's CPU requirement. REQUIRES cipher.size() >= kTagBytes, `clear` of the rest's
// size.
bool decrypt_gcm_by_openssl(const SubKey& key, std::string_view nonce, std::string_view cipher,
                            std::string_view associated, std::string& clear) {
  const std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)> context(EVP_CIPHER_CTX_new(),
                                                                                EVP_CIPHER_CTX_free);
  const std::string_view body = cipher.substr(0, cipher.size() - kTagBytes);
  std::string tag(cipher.substr(body.size()));
  int count = 0;
  return EVP_DecryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, key.data(), bytes_of(nonce)) == 1 &&
         EVP_DecryptUpdate(context.get(), nullptr, &count, bytes_of(associated),
                           static_cast<int>(associated.size())) == 1 &&
         EVP_DecryptUpdate(context.get(), bytes_of(clear), &count, bytes_of(body),
                           static_cast<int>(body.size())) == 1 &&
         EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_SET_TAG, kTagBytes, tag.data()) == 1 &&
         EVP_DecryptFinal_ex(context.get(), bytes_of(clear) + count, &count) == 1;
}

base::Error unreadable(const char* why) { return fail(ErrorKind::key_unreadable, why); }

}  // namespace

Sealer::Sealer(std::shared_ptr<const KeyRing> keys, Cpu cpu)
    : keys_(std::move(keys)), fast_aes_(cpu == Cpu::as_it_is && cpu_has_aes()) {}

std::string Sealer::seal(const SealContext& context, std::string_view clear, Algorithm wanted) const {
  Envelope envelope{.algorithm = algorithm(wanted), .kid = keys_->newest()};
  std::string padded;
  const std::size_t size = (clear.size() / kPad + 1) * kPad;
  padded.reserve(size);  // growing would leave a copy behind
  padded.append(clear).push_back(kPadMark);
  padded.resize(size, '\0');
  const bool gcm = envelope.algorithm == Algorithm::aes_256_gcm;
  envelope.nonce.resize(gcm ? kGcmNonceBytes : kXChaChaNonceBytes);
  randombytes_buf(envelope.nonce.data(), envelope.nonce.size());
  envelope.cipher.resize(size + kTagBytes);
  const std::string associated = associated_data(head_of(envelope), context);
  SubKey key = keys_->sealing_key(envelope.kid);
  const auto encrypt = gcm ? crypto_aead_aes256gcm_encrypt : crypto_aead_xchacha20poly1305_ietf_encrypt;
  encrypt(bytes_of(envelope.cipher), nullptr, bytes_of(padded), size, bytes_of(associated), associated.size(),
          nullptr, bytes_of(envelope.nonce), key.data());
  base::wipe(key.data(), key.size());
  base::wipe(padded);
  return format_envelope(envelope);
}

bool Sealer::decrypt(Algorithm algorithm, std::uint32_t kid, std::string_view nonce, std::string_view cipher,
                     std::string_view associated, std::string& clear) const {
  SubKey key = keys_->sealing_key(kid);
  bool opened = false;
  if (algorithm == Algorithm::aes_256_gcm && !fast_aes_) {
    opened = decrypt_gcm_by_openssl(key, nonce, cipher, associated, clear);
  } else {
    const auto decrypt_by_sodium = algorithm == Algorithm::aes_256_gcm
                                       ? crypto_aead_aes256gcm_decrypt
                                       : crypto_aead_xchacha20poly1305_ietf_decrypt;
    opened = decrypt_by_sodium(bytes_of(clear), nullptr, nullptr, bytes_of(cipher), cipher.size(),
                               bytes_of(associated), associated.size(), bytes_of(nonce), key.data()) == 0;
  }
  base::wipe(key.data(), key.size());
  return opened;
}

Result<base::Secret> Sealer::open(const SealContext& context, std::string_view sealed) const {
  if (!is_sealed(sealed)) return base::Secret(sealed);
  const Result<Envelope> parsed = parse_envelope(sealed);
  if (!parsed) return parsed.error();
  const Envelope& envelope = *parsed;
  if (!keys_->has(envelope.kid))
    return unreadable("the sealed key needs a master key that is not in the ring");
  std::string clear(envelope.cipher.size() - kTagBytes, '\0');
  const bool opened = decrypt(envelope.algorithm, envelope.kid, envelope.nonce, envelope.cipher,
                              associated_data(head_of(envelope), context), clear);
  const std::size_t mark = clear.rfind(kPadMark);
  if (!opened || mark == std::string::npos) {
    base::wipe(clear);
    return unreadable("the sealed key does not open: another master key, another row or origin, or damage");
  }
  base::Secret secret(std::string_view(clear).substr(0, mark));
  base::wipe(clear);
  return secret;
}

bool Sealer::is_sealed(std::string_view text) { return looks_like_envelope(text); }

std::optional<std::uint32_t> Sealer::find_kid(std::string_view sealed) {
  const Result<Envelope> envelope = parse_envelope(sealed);
  if (!envelope) return std::nullopt;
  return envelope->kid;
}

std::string Sealer::make_check() const { return seal(kCheckContext, kCheckText); }

bool Sealer::opens(std::string_view check) const {
  if (!is_sealed(check)) return false;
  const Result<base::Secret> opened = open(kCheckContext, check);
  return opened && opened->reveal() == kCheckText;
}

bool cpu_has_aes() { return crypto_aead_aes256gcm_is_available() != 0; }
std::string_view libsodium_version() { return sodium_version_string(); }

}  // namespace headworks::vault
