#include "bench/stamp_scanner.hpp"

#include <charconv>

namespace headworks::bench {
namespace {

constexpr std::string_view kMark = "@hw:";

bool read(std::string_view digits, std::uint64_t& out) {
  const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), out);
  return failed == std::errc{} && end == digits.data() + digits.size();
}

}  // namespace

bool StampScanner::could_be(std::string_view start) {
  return start.substr(0, kMark.size()) == kMark.substr(0, start.size());
}

std::optional<Stamp> StampScanner::parse(std::string_view text) {
  Stamp stamp;
  if (!text.starts_with(kMark) || text[12] != ':' || text[21] != ':' || text[42] != '@') return std::nullopt;
  if (!read(text.substr(4, 8), stamp.stream) || !read(text.substr(13, 8), stamp.sequence) ||
      !read(text.substr(22, 20), stamp.ns)) {
    return std::nullopt;
  }
  return stamp;
}

}  // namespace headworks::bench
