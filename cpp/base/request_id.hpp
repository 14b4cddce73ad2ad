// Request ids: "req_" + 22 characters of base 62: the millisecond of the request's start (8 characters, so that ids
// sort by time and a ledger finds one without an index of ids) and 83 bits of a loop's Random. Unique, not
// secret. Fixed size, so an id never allocates.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/clock.hpp"
#include "base/random.hpp"

namespace headworks::base {

class RequestId {
 public:
  static constexpr std::size_t kSize = 26;

  RequestId() { text_.fill('0'); }
  RequestId(Random& random, WallTime started) {
    text_ = {'r', 'e', 'q', '_'};
    auto ms = static_cast<std::uint64_t>(
        std::chrono::floor<std::chrono::milliseconds>(started.time_since_epoch()).count());
    for (std::size_t at = kRandomPart; at-- > 4; ms /= 62) text_[at] = kDigits[ms % 62];
    for (std::size_t at = kRandomPart; at < kSize;) {
      std::uint64_t bits = random.next();
      for (int digit = 0; digit < 10 && at < kSize; ++digit, bits /= 62) text_[at++] = kDigits[bits % 62];
    }
  }

  std::string_view view() const { return {text_.data(), text_.size()}; }
  bool operator==(const RequestId&) const = default;

  static std::optional<RequestId> parse(std::string_view id) {
    if (!find_start(id)) return std::nullopt;
    RequestId made;
    for (std::size_t at = 0; at < kSize; ++at) made.text_[at] = id[at];
    return made;
  }

  // The millisecond in which the request `id` began; none when this is no id of ours.
  static std::optional<WallTime> find_start(std::string_view id) {
    if (id.size() != kSize || !id.starts_with("req_")) return std::nullopt;
    std::uint64_t ms = 0;
    for (std::size_t at = 4; at < kSize; ++at) {
      const std::size_t digit = kDigits.find(id[at]);
      if (digit == std::string_view::npos) return std::nullopt;
      if (at < kRandomPart) ms = ms * 62 + digit;
    }
    return WallTime{std::chrono::milliseconds{ms}};
  }

 private:
  static constexpr std::size_t kRandomPart = 12;
  static constexpr std::string_view kDigits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  std::array<char, kSize> text_;
};

}  // namespace headworks::base
