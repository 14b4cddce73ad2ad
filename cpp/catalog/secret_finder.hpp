// SecretFinder: the live secrets that the gateway itself knows in clear, found and masked wherever somebody repeats them:
// an upstream's error, a client that names its key as the model, a note of an operator. One pass over a text, whatever
// the number of secrets.
//
// Provider keys of kLeast characters and more are looked for as they are; a shorter one may be a word ("lm-studio") and
// is masked where it was sent only. Keys that the gateway made are known by their form. Immutable; its secrets must
// outlive it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace headworks::catalog {

class SecretFinder {
 public:
  static constexpr std::size_t kLeast = 16;

  SecretFinder() = default;
  // Those that are shorter than kLeast are left out.
  explicit SecretFinder(const std::vector<std::string_view>& secrets);

  bool stands_in(std::string_view text) const { return find(text, 0).size != 0; }
  // "***" for each; how many there were.
  std::size_t mask(std::string& text) const;

 private:
  static constexpr std::size_t kWindow = 8;
  struct Found {
    std::size_t at = 0, size = 0;  // size 0: none
  };
  Found find(std::string_view text, std::size_t from) const;

  // By their last characters, which tell keys of one provider apart.
  std::unordered_multimap<std::uint64_t, std::string_view> by_end_;
  std::vector<std::uint64_t> may_be_;  // bits: a window that none is set for ends no secret
};

// "***" for each key of the form that the gateway makes (vault/client_key.hpp); how many there were.
std::size_t mask_made_keys(std::string& text);

}  // namespace headworks::catalog
