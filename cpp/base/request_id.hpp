// Request ids: "req_" + 22 characters of base 62 (131 bits of a loop's Random; unique, not secret). Fixed size,
// so an id never allocates.
#pragma once

#include <array>
#include <string_view>

#include "base/random.hpp"

namespace headworks::base {

class RequestId {
 public:
  static constexpr std::size_t kSize = 26;

  RequestId() { text_.fill('0'); }
  explicit RequestId(Random& random) {
    static constexpr char kDigits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    text_ = {'r', 'e', 'q', '_'};
    for (std::size_t at = 4; at < kSize;) {
      std::uint64_t bits = random.next();
      for (int digit = 0; digit < 10 && at < kSize; ++digit, bits /= 62) text_[at++] = kDigits[bits % 62];
    }
  }

  std::string_view view() const { return {text_.data(), text_.size()}; }
  bool operator==(const RequestId&) const = default;

 private:
  std::array<char, kSize> text_;
};

}  // namespace headworks::base
