// The stamp that an upstream puts into the text of each event when asked: who sent it, which one it is, and
// when. It is part of the text, so that it survives a gateway that rewrites events. Fixed width: 43 bytes,
// "@hw:" stream (8 digits) ":" sequence from 0 (8 digits) ":" CLOCK_MONOTONIC ns (20 digits) "@".
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace headworks::upstream {

constexpr std::size_t kStampSize = 4 + 8 + 1 + 8 + 1 + 20 + 1;

// Appends exactly kStampSize bytes. Numbers that do not fit lose their leading digits.
inline void append_stamp(std::string& out, std::uint64_t stream, std::uint64_t sequence, std::uint64_t ns) {
  const std::size_t start = out.size();
  out.append("@hw:00000000:00000000:00000000000000000000@");
  const auto put = [&out](std::size_t end, int digits, std::uint64_t value) {
    for (int i = 0; i < digits; ++i, value /= 10) out[--end] = static_cast<char>('0' + value % 10);
  };
  put(start + 12, 8, stream);
  put(start + 21, 8, sequence);
  put(start + 42, 20, ns);
}

}  // namespace headworks::upstream
