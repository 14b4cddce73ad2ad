// Which targets of one tier a plan has not looked at yet. Lives on the stack of one decision; no allocation
// up to 1,024 targets.
#pragma once

#include <bit>
#include <boost/container/small_vector.hpp>
#include <cstdint>

namespace headworks::routing {

class TargetSet {
 public:
  // All of [0, size).
  explicit TargetSet(std::uint32_t size) : words_((size + 63) / 64, ~std::uint64_t{0}), count_(size) {
    if (size % 64 != 0) words_.back() = (std::uint64_t{1} << (size % 64)) - 1;
  }

  bool empty() const { return count_ == 0; }
  std::uint32_t count() const { return count_; }
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

 private:
  boost::container::small_vector<std::uint64_t, 16> words_;
  std::uint32_t count_;
};

}  // namespace headworks::routing
