// Strings lent for the heads that we write, and handed back behind them, so that a head in steady state allocates
// nothing and an idle connection holds none.
//
// Loop-owned.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace headworks::net {

class TextPool {
 public:
  // An empty one that takes `size` bytes without growing.
  std::string rent(std::size_t size) {
    std::string text;
    if (!free_.empty()) {
      text = std::move(free_.back());
      free_.pop_back();
    }
    if (text.capacity() < size) text.reserve(std::max(size, kSmallest));
    return text;
  }

  // REQUIRES: nothing secret is left in it.
  void take_back(std::string&& text) {
    if (text.capacity() < kSmallest || text.capacity() > kLargest || free_.size() == kKeep) {
      std::string().swap(text);
      return;
    }
    text.clear();
    free_.push_back(std::move(text));
  }

 private:
  static constexpr std::size_t kSmallest = 1024;
  static constexpr std::size_t kLargest = 4096;
  static constexpr std::size_t kKeep = 256;  // per loop: at most 1 MiB
  std::vector<std::string> free_;
};

}  // namespace headworks::net
