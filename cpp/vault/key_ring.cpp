#include "vault/key_ring.hpp"

#include <sodium.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <limits>

#include "vault/key_file.hpp"

namespace headworks::vault {
namespace {

using base::ErrorKind;
using base::fail;
using base::Result;

constexpr std::string_view kPepper = "pepper ";
constexpr std::size_t kMaxKeys = 64;
constexpr char kIgnored[] = " \t\r";

base::Error unreadable(std::string message) { return fail(ErrorKind::key_unreadable, std::move(message)); }

bool is_started() { return sodium_init() >= 0; }

bool parse_bytes(std::string_view encoded, std::array<std::uint8_t, 32>& bytes) {
  std::size_t size = 0;
  const char* rest = nullptr;
  return sodium_base642bin(bytes.data(), bytes.size(), encoded.data(), encoded.size(), kIgnored, &size, &rest,
                           sodium_base64_VARIANT_ORIGINAL) == 0 &&
         size == bytes.size() && rest == encoded.data() + encoded.size();
}

void append_line(std::string& text, std::string_view name, const std::array<std::uint8_t, 32>& bytes) {
  char encoded[sodium_base64_ENCODED_LEN(32, sodium_base64_VARIANT_ORIGINAL)];
  sodium_bin2base64(encoded, sizeof encoded, bytes.data(), bytes.size(), sodium_base64_VARIANT_ORIGINAL);
  text.append(name).append(" ").append(encoded).append("\n");
  base::wipe(encoded, sizeof encoded);
}

// Out of the environment: plug-ins and child processes must not inherit the key. (What /proc shows of the
// process's start is overwritten with it.)
base::Secret take_variable() {
  char* value = std::getenv(kKeyVariable.data());
  if (value == nullptr) return {};
  base::Secret secret{std::string_view(value)};
  base::wipe(value, std::strlen(value));
  ::unsetenv(kKeyVariable.data());
  return secret;
}

}  // namespace

KeyRing::~KeyRing() {
  for (Key& key : keys_) base::wipe(key.bytes.data(), key.bytes.size());
  if (pepper_) base::wipe(pepper_->data(), pepper_->size());
}

std::optional<KeyRing::Key> KeyRing::parse_key(std::string_view line) {
  Key key{.kid = 1, .bytes = {}};
  if (const std::size_t space = line.find(' '); space != std::string_view::npos) {
    const auto [end, error] = std::from_chars(line.data(), line.data() + space, key.kid);
    if (error != std::errc{} || end != line.data() + space || key.kid == 0) return std::nullopt;
    line.remove_prefix(space + 1);
  }
  if (!parse_bytes(line, key.bytes)) return std::nullopt;
  return key;
}

Result<std::shared_ptr<const KeyRing>> KeyRing::parse(std::string_view text, std::string origin) {
  if (!is_started()) return unreadable("libsodium does not start");
  const base::Error malformed = unreadable(
      "the master key in " + origin +
      " is not one: a line is 32 bytes in base64 (openssl rand -base64 32), after its number if there "
      "are several");
  std::shared_ptr<KeyRing> ring(new KeyRing({}, std::nullopt, std::move(origin)));
  ring->keys_.reserve(kMaxKeys);  // growing would leave copies behind
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    while (!line.empty() && std::strchr(kIgnored, line.front()) != nullptr) line.remove_prefix(1);
    while (!line.empty() && std::strchr(kIgnored, line.back()) != nullptr) line.remove_suffix(1);
    if (line.empty()) continue;
    if (line.starts_with(kPepper)) {
      if (ring->pepper_ || !parse_bytes(line.substr(kPepper.size()), ring->pepper_.emplace()))
        return malformed;
      continue;
    }
    const std::optional<Key> key = parse_key(line);
    if (!key || ring->has(key->kid) || ring->keys_.size() == kMaxKeys) return malformed;
    ring->keys_.push_back(*key);
  }
  if (ring->keys_.empty()) return malformed;
  return std::shared_ptr<const KeyRing>(std::move(ring));
}

Result<std::shared_ptr<const KeyRing>> KeyRing::load_file(const std::string& path) {
  const Result<base::Secret> text = read_key_file(path);
  if (text) return parse(text->reveal(), path);
  return unreadable(text.error().message);
}

Result<std::shared_ptr<const KeyRing>> KeyRing::load(const std::string& data_dir, bool may_create) {
  const std::string own = data_dir + "/master.key";
  std::vector<std::string> files{own};
  if (const char* credentials = std::getenv("CREDENTIALS_DIRECTORY"); credentials != nullptr)
    files.push_back(std::string(credentials) + "/headworks.key");
  const base::Secret variable = take_variable();  // even if a file wins: it must not be inherited
  for (const std::string& path : files) {
    const Result<base::Secret> text = read_key_file(path);
    if (text) return parse(text->reveal(), path);
    if (text.error().kind != ErrorKind::not_found) return text.error();
  }
  if (!variable.empty()) return parse(variable.reveal(), std::string(kKeyVariable));
  if (!may_create)
    return unreadable("there are sealed keys in " + data_dir + " but no master key; put the right " + own +
                      " back (a new one could not open them)");
  if (!is_started()) return unreadable("libsodium does not start");
  KeyBytes bytes{};
  randombytes_buf(bytes.data(), bytes.size());
  const std::shared_ptr<const KeyRing> ring = make({bytes});
  base::wipe(bytes.data(), bytes.size());
  const base::Secret text = ring->text();
  if (auto created = create_key_file(own, text.reveal()); !created) return created.error();
  // Read back under the rules of every later start: a folder that would be refused then is refused now.
  return load_file(own);
}

std::shared_ptr<const KeyRing> KeyRing::make(const std::vector<KeyBytes>& keys) {
  if (!is_started()) return nullptr;
  std::vector<Key> ring;
  ring.reserve(keys.size());
  for (const KeyBytes& bytes : keys) ring.push_back({static_cast<std::uint32_t>(ring.size() + 1), bytes});
  return std::shared_ptr<const KeyRing>(new KeyRing(std::move(ring), std::nullopt, "memory"));
}

Result<std::shared_ptr<const KeyRing>> KeyRing::add_key(const std::string& path) const {
  std::uint32_t last = 0;
  for (const Key& key : keys_) last = std::max(last, key.kid);
  if (keys_.size() == kMaxKeys || last == std::numeric_limits<std::uint32_t>::max())
    return fail(ErrorKind::conflict, "there are too many master keys; drop those that nothing needs");
  std::vector<Key> keys;
  keys.reserve(keys_.size() + 1);
  keys.insert(keys.end(), keys_.begin(), keys_.end());
  keys.push_back({last + 1, {}});
  randombytes_buf(keys.back().bytes.data(), kKeyBytes);
  std::shared_ptr<const KeyRing> ring(new KeyRing(std::move(keys), pepper_, origin_));
  const base::Secret text = ring->text();
  if (auto replaced = replace_key_file(path, text.reveal()); !replaced) return replaced.error();
  return ring;
}

Result<std::shared_ptr<const KeyRing>> KeyRing::drop_key(const std::string& path, std::uint32_t kid) const {
  if (!has(kid)) return fail(ErrorKind::not_found, "there is no master key " + std::to_string(kid));
  if (kid == newest())
    return fail(ErrorKind::conflict, "the newest master key cannot be dropped; add another one first");
  std::vector<Key> keys;
  keys.reserve(keys_.size());
  for (const Key& key : keys_)
    if (key.kid != kid) keys.push_back(key);
  std::shared_ptr<const KeyRing> ring(new KeyRing(std::move(keys), pepper(), origin_));
  const base::Secret text = ring->text();
  if (auto replaced = replace_key_file(path, text.reveal()); !replaced) return replaced.error();
  return ring;
}

base::Secret KeyRing::text() const {
  std::string text;
  text.reserve((keys_.size() + 1) * 64);  // growing would leave copies behind
  if (pepper_) append_line(text, kPepper.substr(0, kPepper.size() - 1), *pepper_);
  for (const Key& key : keys_) append_line(text, std::to_string(key.kid), key.bytes);
  base::Secret secret{std::string_view(text)};
  base::wipe(text);
  return secret;
}

std::vector<std::uint32_t> KeyRing::kids() const {
  std::vector<std::uint32_t> kids;
  for (const Key& key : keys_) kids.push_back(key.kid);
  return kids;
}

bool KeyRing::has(std::uint32_t kid) const {
  return std::any_of(keys_.begin(), keys_.end(), [kid](const Key& key) { return key.kid == kid; });
}

SubKey KeyRing::derive(std::uint32_t kid, const char context[9]) const {
  SubKey sub{};
  for (const Key& key : keys_)
    if (key.kid == kid) crypto_kdf_derive_from_key(sub.data(), sub.size(), 1, context, key.bytes.data());
  return sub;
}

}  // namespace headworks::vault
