#include "catalog/secret_finder.hpp"

#include <bit>
#include <cstring>

#include "vault/client_key.hpp"

namespace headworks::catalog {
namespace {

constexpr std::string_view kMask = "***";

std::uint64_t window_at(const char* text) {
  std::uint64_t window = 0;
  std::memcpy(&window, text, sizeof window);
  return window;
}

std::uint64_t mixed(std::uint64_t window) { return (window * 0x9E3779B97F4A7C15U) >> 20; }

}  // namespace

SecretFinder::SecretFinder(const std::vector<std::string_view>& secrets) {
  for (const std::string_view secret : secrets)
    if (secret.size() >= kLeast) by_end_.emplace(window_at(secret.data() + secret.size() - kWindow), secret);
  if (by_end_.empty()) return;
  may_be_.resize(std::bit_ceil(by_end_.size()));
  for (const auto& [window, secret] : by_end_)
    may_be_[mixed(window) / 64 % may_be_.size()] |= std::uint64_t{1} << (mixed(window) % 64);
}

SecretFinder::Found SecretFinder::find(std::string_view text, std::size_t from) const {
  if (by_end_.empty()) return {};
  for (std::size_t end = from + kLeast; end <= text.size(); ++end) {
    const std::uint64_t window = window_at(text.data() + end - kWindow);
    if ((may_be_[mixed(window) / 64 % may_be_.size()] >> (mixed(window) % 64) & 1) == 0) continue;
    Found longest;
    const auto [first, last] = by_end_.equal_range(window);
    for (auto each = first; each != last; ++each) {
      const std::string_view secret = each->second;
      if (secret.size() > longest.size && end - from >= secret.size() && text.substr(0, end).ends_with(secret))
        longest = {.at = end - secret.size(), .size = secret.size()};
    }
    if (longest.size != 0) return longest;
  }
  return {};
}

std::size_t SecretFinder::mask(std::string& text) const {
  std::size_t count = 0;
  for (Found found = find(text, 0); found.size != 0; found = find(text, found.at + kMask.size())) {
    text.replace(found.at, found.size, kMask);
    ++count;
  }
  return count;
}

std::size_t mask_made_keys(std::string& text) {
  std::size_t count = 0;
  for (std::size_t at = 0; (at = text.find(vault::kClientKeyPrefix, at)) != std::string::npos;) {
    if (!vault::is_well_formed(std::string_view(text).substr(at, vault::kClientKeySize))) {
      at += vault::kClientKeyPrefix.size();
      continue;
    }
    text.replace(at, vault::kClientKeySize, kMask);
    at += kMask.size();
    ++count;
  }
  return count;
}

}  // namespace headworks::catalog
