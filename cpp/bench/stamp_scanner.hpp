// Finds the stamps of the programmable upstream (its stamp.hpp) in the bytes of a stream, however they are
// cut. A pure machine: bytes in, stamps out.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace headworks::bench {

struct Stamp {
  std::uint64_t stream = 0;
  std::uint64_t sequence = 0;
  std::uint64_t ns = 0;  // CLOCK_MONOTONIC when it was written
};

class StampScanner {
 public:
  // Calls on_stamp(Stamp) for each stamp that is whole with these bytes.
  template <class OnStamp>
  void feed(std::string_view bytes, OnStamp&& on_stamp) {
    if (carry_.empty()) {
      carry_ = bytes.substr(scan(bytes, on_stamp));
    } else {
      carry_.append(bytes);
      carry_.erase(0, scan(carry_, on_stamp));
    }
  }

  static constexpr std::size_t kSize = 43;

 private:
  // Returns where the stamp starts that is not whole yet, or the end.
  template <class OnStamp>
  static std::size_t scan(std::string_view bytes, OnStamp&& on_stamp) {
    for (std::size_t at = 0;;) {
      at = bytes.find('@', at);
      if (at == std::string_view::npos) return bytes.size();
      if (bytes.size() - at < kSize) {
        if (could_be(bytes.substr(at))) return at;
      } else if (const auto stamp = parse(bytes.substr(at, kSize))) {
        on_stamp(*stamp);
        at += kSize;
        continue;
      }
      ++at;
    }
  }
  static bool could_be(std::string_view start);
  static std::optional<Stamp> parse(std::string_view text);

  std::string carry_;
};

}  // namespace headworks::bench
