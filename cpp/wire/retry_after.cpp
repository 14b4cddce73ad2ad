#include "wire/retry_after.hpp"

#include <charconv>
#include <cmath>
#include <ctime>
#include <string>

namespace headworks::wire {
namespace {

constexpr double kLongest = 366.0 * 86'400;  // seconds; what is longer is no answer to "when"

// A plain non-negative decimal number; no sign, no exponent, no "inf".
std::optional<double> parse_decimal(std::string_view text) {
  if (text.empty() || text.size() > 20 || text.find_first_not_of("0123456789.") != std::string_view::npos)
    return std::nullopt;
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
  if (error != std::errc{} || end != text.data() + text.size() || !std::isfinite(value) || value > kLongest)
    return std::nullopt;
  return value;
}

base::Duration of_seconds(double seconds) {
  return std::chrono::duration_cast<base::Duration>(std::chrono::duration<double>(seconds));
}

}  // namespace

std::optional<base::WallTime> parse_http_date(std::string_view text) {
  if (text.size() < 24 || text.size() > 40) return std::nullopt;
  const std::string date(text);
  for (const char* format : {"%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"}) {
    std::tm parts{};
    const char* end = ::strptime(date.c_str(), format, &parts);
    if (end != nullptr && *end == '\0') return base::WallTime{std::chrono::seconds(::timegm(&parts))};
  }
  return std::nullopt;
}

std::optional<base::Duration> find_retry_after(const Fields& fields, base::WallTime wall) {
  const Field* seconds = nullptr;
  const Field* milliseconds = nullptr;
  const Field* date = nullptr;
  for (const Field& field : fields) {
    if (field.traits.id == FieldId::date) date = &field;
    if (field.traits.id != FieldId::retry_after) continue;
    (same_name(field.name, "retry-after-ms") ? milliseconds : seconds) = &field;
  }
  if (milliseconds != nullptr)
    if (const auto value = parse_decimal(milliseconds->value)) return of_seconds(*value / 1000);
  if (seconds == nullptr) return std::nullopt;
  if (const auto value = parse_decimal(seconds->value)) return of_seconds(*value);
  const auto until = parse_http_date(seconds->value);
  if (!until) return std::nullopt;
  const auto theirs = date != nullptr ? parse_http_date(date->value) : std::nullopt;
  return *until - theirs.value_or(wall);
}

}  // namespace headworks::wire
