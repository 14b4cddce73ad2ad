// Which targets of one tier a plan has not looked at yet. Lives on the stack of one decision; no allocation
// up to 1,024 targets.
#pragma once

#include <bit>
#include <boost/container/small_vector.hpp>
#include <cstdint>
#include <optional>
#include <span>

namespace headworks::routing {

class TargetSet {
 public:
  // All of [0, size).
  explicit TargetSet(std::uint32_t size) : words_((size + 63) / 64, ~std::uint64_t{0}), size_(size), count_(size) {
    if (size % 64 != 0) words_.back() = (std::uint64_t{1} << (size % 64)) - 1;
  }

  bool empty() const { return count_ == 0; }
  std::uint32_t count() const { return count_; }
  std::uint32_t size() const { return size_; }  // the original one
  bool contains(std::uint32_t index) const { return (words_[index / 64] >> (index % 64) & 1) != 0; }

  void erase(std::uint32_t index) {
    if (!contains(index)) return;
    words_[index / 64] &= ~(std::uint64_t{1} << (index % 64));
    --count_;
  }

  // The first member at or after `from`, going round. REQUIRES !empty() and `from` inside the original size.
  std::uint32_t first_from(std::uint32_t from) const {
    std::size_t word = from / 64;
    std::uint64_t bits = words_[word] & (~std::uint64_t{0} << (from % 64));
    while (bits == 0) {
      word = word + 1 == words_.size() ? 0 : word + 1;
      bits = words_[word];
    }
    return static_cast<std::uint32_t>(word * 64) + static_cast<std::uint32_t>(std::countr_zero(bits));
  }

  // The first member that is also in `mask` (a bit per target), at or after `from`, going round; none: there
  // is none.
  std::optional<std::uint32_t> find_in(std::span<const std::uint64_t> mask, std::size_t from) const {
    const std::size_t words = words_.size(), begin = from / 64 % words;
    for (std::size_t step = 0; step <= words; ++step) {
      const std::size_t word = (begin + step) % words;
      std::uint64_t bits = words_[word] & mask[word];
      if (step == 0) bits &= ~std::uint64_t{0} << (from % 64);
      if (bits != 0)
        return static_cast<std::uint32_t>(word * 64) + static_cast<std::uint32_t>(std::countr_zero(bits));
    }
    return std::nullopt;
  }

 private:
  boost::container::small_vector<std::uint64_t, 16> words_;
  std::uint32_t size_;
  std::uint32_t count_;
};

}  // namespace headworks::routing
