// KeyRing: the master keys, by kid. A master key never encrypts data itself; sub-keys are derived from it,
// one per purpose (libsodium's crypto_kdf). New seals use the newest key; older ones stay for reading until
// everything is sealed anew.
//
// Where the keys come from, first hit wins: `master.key` in the data directory, `headworks.key` in systemd's
// $CREDENTIALS_DIRECTORY, HEADWORKS_MASTER_KEY. The text: one key a line, "<kid> <base64 of 32 bytes>",
// oldest first, or the base64 alone; a line "pepper <base64>" keeps the digests of client keys alive after
// the key that they hung on was dropped. Immutable after loading: thread-safe. Must not know: what is sealed,
// or where.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/secret.hpp"

namespace headworks::vault {

// The variable that may hold the ring's text.
inline constexpr std::string_view kKeyVariable = "HEADWORKS_MASTER_KEY";

using SubKey = std::array<std::uint8_t, 32>;

class KeyRing {
 public:
  static constexpr std::size_t kKeyBytes = 32;
  using KeyBytes = std::array<std::uint8_t, kKeyBytes>;

  // Loads the ring; makes a new key file when there is none anywhere and `may_create` (REQUIRES that nothing
  // is sealed yet). Kind key_unreadable with a sentence that says what to do. At start only: takes
  // HEADWORKS_MASTER_KEY out of the environment.
  static base::Result<std::shared_ptr<const KeyRing>> load(const std::string& data_dir, bool may_create);
  // From one key file. Same rules and errors.
  static base::Result<std::shared_ptr<const KeyRing>> load_file(const std::string& path);
  // From the text of a key file; `origin` is for messages.
  static base::Result<std::shared_ptr<const KeyRing>> parse(std::string_view text, std::string origin);
  // For tests: a ring of these keys, oldest first; kids count from 1.
  static std::shared_ptr<const KeyRing> make(const std::vector<KeyBytes>& keys);

  ~KeyRing();
  KeyRing(const KeyRing&) = delete;
  KeyRing& operator=(const KeyRing&) = delete;

  // What may be shown of where the keys came from: a path, or HEADWORKS_MASTER_KEY.
  const std::string& origin() const { return origin_; }

  // As it would stand in a key file.
  base::Secret text() const;

  std::uint32_t newest() const { return keys_.back().kid; }
  std::vector<std::uint32_t> kids() const;  // oldest first
  bool has(std::uint32_t kid) const;
  // REQUIRES has(kid).
  SubKey sealing_key(std::uint32_t kid) const { return derive(kid, "HWprovky"); }
  // For the digests of client keys. They cannot be made anew without the keys, so the pepper is that of the
  // oldest key, and stays when that one is dropped.
  SubKey pepper() const { return pepper_ ? *pepper_ : derive(keys_.front().kid, "HWpepper"); }

  // Rotation, on disk first: the ring is answered only when its file is whole and synced. `path` is the key
  // file that this ring came from. A key that is dropped must not be needed any more (the store knows), nor
  // be the newest (kind conflict).
  base::Result<std::shared_ptr<const KeyRing>> add_key(const std::string& path) const;
  base::Result<std::shared_ptr<const KeyRing>> drop_key(const std::string& path, std::uint32_t kid) const;

 private:
  struct Key {
    std::uint32_t kid;
    KeyBytes bytes;
  };
  KeyRing(std::vector<Key> keys, std::optional<SubKey> pepper, std::string origin)
      : keys_(std::move(keys)), pepper_(pepper), origin_(std::move(origin)) {}
  static std::optional<Key> parse_key(std::string_view line);
  SubKey derive(std::uint32_t kid, const char context[9]) const;

  std::vector<Key> keys_;         // oldest first, never empty
  std::optional<SubKey> pepper_;  // none: that of the oldest key
  std::string origin_;
};

}  // namespace headworks::vault
