// A text with the readable bytes behind it that JSON readers need, of a size that AddressSanitizer watches.
#pragma once

#include <cstring>
#include <memory>
#include <string_view>

#include "json/json_reader.hpp"

namespace headworks::dialect {

class Padded {
 public:
  explicit Padded(std::string_view text)
      : bytes_(new char[text.size() + json::kPadding]), size_(text.size()) {
    std::memcpy(bytes_.get(), text.data(), size_);
    std::memset(bytes_.get() + size_, '"', json::kPadding);  // the worst that could stand there
  }
  std::string_view view() const { return {bytes_.get(), size_}; }
  operator std::string_view() const { return view(); }

 private:
  std::unique_ptr<char[]> bytes_;
  std::size_t size_;
};

}  // namespace headworks::dialect
