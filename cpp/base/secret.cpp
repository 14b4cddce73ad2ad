#include "base/secret.hpp"

#include <cstring>
#include <utility>

#include "base/locked_memory.hpp"

namespace headworks::base {

void wipe(void* data, std::size_t size) noexcept {
  if (data == nullptr || size == 0) return;
  explicit_bzero(data, size);
}

void wipe(std::string& text) noexcept {
  wipe(text.data(), text.size());
  text.clear();
}

Secret::Secret(std::string_view clear) : data_(clear.empty() ? nullptr : LockedMemory::take(clear.size())), size_(clear.size()) {
  if (size_ != 0) std::memcpy(data_, clear.data(), size_);
}

Secret::Secret(Secret&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this == &other) return *this;
  wipe();
  data_ = std::exchange(other.data_, nullptr);
  size_ = std::exchange(other.size_, 0);
  return *this;
}

Secret::~Secret() { wipe(); }

void Secret::wipe() noexcept {
  if (data_ != nullptr) LockedMemory::give(data_, size_);
  data_ = nullptr;
  size_ = 0;
}

std::string Secret::hint() const {
  if (empty()) return {};
  if (size_ < 16) return "****";
  return "****" + std::string(reveal().substr(size_ - 4));
}

std::size_t Secret::mask_in(std::string& text) const {
  constexpr std::string_view kMask = "***";
  std::size_t count = 0;
  if (size_ < 4) return count;
  for (std::size_t at = 0; (at = text.find(reveal(), at)) != std::string::npos; at += kMask.size(), ++count)
    text.replace(at, size_, kMask);
  return count;
}

}  // namespace headworks::base
