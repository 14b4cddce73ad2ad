// Sealer: secrets at rest. AES-256-GCM envelopes, versioned, bound to the place where they stand: a sealed
// key that is moved to another row or column, or whose backend's origin is edited in the database, does not
// open.
//
// Envelope: "HWE1", algorithm, flags (0), kid (big endian), nonce, ciphertext and tag; stored as text,
// "hwe1:" and base64. Algorithms: 1 AES-256-GCM; 2 XChaCha20-Poly1305, written where the CPU has no AES
// (libsodium then offers no GCM). Both are read on every CPU (OpenSSL has a GCM in plain C). The clear text
// is padded to a multiple of 32 bytes (ISO 7816-4): its length does not tell the provider. A fresh random
// nonce for every seal (NIST SP 800-38D section 8.3 allows 2^32 of them for one key). Thread-safe. Must not
// know: tables, rows; only their names.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/secret.hpp"
#include "vault/envelope.hpp"
#include "vault/key_ring.hpp"

namespace headworks::vault {

// Where a secret stands. All of it is authenticated.
struct SealContext {
  std::string_view table;
  std::string_view column;
  std::string_view row_id;
  std::string_view origin;  // of the backend: wire::Url::origin()
};

class Sealer {
 public:
  enum class Cpu : std::uint8_t { as_it_is, without_aes };  // the second one is for tests

  // `keys` must not be null.
  explicit Sealer(std::shared_ptr<const KeyRing> keys, Cpu cpu = Cpu::as_it_is);

  // What a seal is written with when this is wanted: where the CPU has no AES, always the second one.
  Algorithm algorithm(Algorithm wanted = Algorithm::aes_256_gcm) const {
    return fast_aes_ ? wanted : Algorithm::xchacha20_poly1305;
  }

  // With the newest key.
  std::string seal(const SealContext& context, std::string_view clear,
                   Algorithm wanted = Algorithm::aes_256_gcm) const;

  // Kind key_unreadable: another master key, another place, or damage. A text that was never sealed (written
  // before encryption existed) is answered as it is; is_sealed() tells the two apart.
  base::Result<base::Secret> open(const SealContext& context, std::string_view sealed) const;

  // Also true for an envelope whose first characters are damaged: it must fail to open, not become a key that
  // is sent to somebody.
  static bool is_sealed(std::string_view text);

  // The key that `sealed` needs; none when it is not an envelope. For the progress of a rotation.
  static std::optional<std::uint32_t> find_kid(std::string_view sealed);

  // A constant sealed with the newest key: opens() on it tells a wrong master key from a damaged row.
  std::string make_check() const;
  bool opens(std::string_view check) const;

  const KeyRing& keys() const { return *keys_; }
  const std::shared_ptr<const KeyRing>& ring() const { return keys_; }
  // After a rotation. REQUIRES that no other thread uses this sealer.
  void use(std::shared_ptr<const KeyRing> keys) { keys_ = std::move(keys); }

 private:
  bool decrypt(Algorithm algorithm, std::uint32_t kid, std::string_view nonce, std::string_view cipher,
               std::string_view associated, std::string& clear) const;

  std::shared_ptr<const KeyRing> keys_;
  bool fast_aes_;
};

// False: every seal takes XChaCha20-Poly1305.
bool cpu_has_aes();
std::string_view libsodium_version();

}  // namespace headworks::vault
