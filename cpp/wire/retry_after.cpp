#include "wire/retry_after.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "wire/date.hpp"

namespace headworks::wire {
namespace {

using base::Duration;
using base::WallTime;

constexpr double kLongest = 366.0 * 86'400;  // seconds; what is longer is no answer to "when"
constexpr std::size_t kMaxText = 40;         // the longest form is a date of RFC 850

// A plain non-negative decimal number; no sign, no exponent, no "inf".
std::optional<double> parse_decimal(std::string_view text) {
  if (text.empty() || text.size() > 20 || text.find_first_not_of("0123456789.") != std::string_view::npos)
    return std::nullopt;
  double value = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
  if (error != std::errc{} || end != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

std::optional<Duration> of_seconds(double seconds) {
  if (seconds > kLongest) return std::nullopt;
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds));
}

std::optional<Duration> until(WallTime then, WallTime now) {
  const Duration wait = then - now;
  if (std::chrono::duration<double>(wait).count() > kLongest) return std::nullopt;
  return wait;
}

struct Unit {
  std::string_view name;
  double seconds;
};
// Longer names before those that begin them.
constexpr Unit kUnits[] = {{"ms", 1e-3}, {"us", 1e-6},  {"\xc2\xb5s", 1e-6}, {"ns", 1e-9},
                           {"d", 86400}, {"h", 3600.0}, {"m", 60.0},         {"s", 1.0}};

// "1h2m3.5s", as Go prints durations.
std::optional<double> parse_units(std::string_view text) {
  double sum = 0;
  while (!text.empty()) {
    const std::size_t digits = std::min(text.find_first_not_of("0123456789."), text.size());
    const auto number = parse_decimal(text.substr(0, digits));
    if (!number) return std::nullopt;
    text.remove_prefix(digits);
    const auto* unit = std::find_if(std::begin(kUnits), std::end(kUnits),
                                    [&](const Unit& u) { return text.starts_with(u.name); });
    if (unit == std::end(kUnits)) return std::nullopt;
    sum += *number * unit->seconds;
    text.remove_prefix(unit->name.size());
  }
  return sum;
}

std::optional<Duration> parse_retry_after(std::string_view text, WallTime now) {
  if (text.size() > kMaxText) return std::nullopt;
  if (const auto seconds = parse_decimal(text)) return of_seconds(*seconds);
  if (const auto date = parse_http_date(text)) return until(*date, now);
  return std::nullopt;
}

bool is_reset(std::string_view name) {
  return has_prefix(name, "x-ratelimit-reset") ||
         (name.size() > 5 && same_name(name.substr(name.size() - 5), "reset"));
}

// Whether `remaining` is the field that says how much is left of the limit that `reset` is about: the same
// name but for that one word.
bool is_remaining_of(std::string_view remaining, std::string_view reset) {
  static constexpr std::string_view kReset = "reset";
  static constexpr std::string_view kRemaining = "remaining";
  if (remaining.size() != reset.size() + kRemaining.size() - kReset.size()) return false;
  for (std::size_t at = 0; at + kReset.size() <= reset.size(); ++at)
    if (same_name(reset.substr(at, kReset.size()), kReset) &&
        same_name(remaining.substr(at, kRemaining.size()), kRemaining) &&
        same_name(remaining.substr(0, at), reset.substr(0, at)) &&
        same_name(remaining.substr(at + kRemaining.size()), reset.substr(at + kReset.size())))
      return true;
  return false;
}

bool is_used_up(const Fields& fields, std::string_view reset) {
  return std::any_of(fields.begin(), fields.end(), [&](const Field& field) {
    return field.traits.id == FieldId::rate_limit && is_remaining_of(field.name, reset) &&
           parse_decimal(field.value) == 0.0;
  });
}

std::optional<Duration> latest_reset(const Fields& fields, WallTime now) {
  std::optional<Duration> latest;
  for (const Field& field : fields) {
    if (field.traits.id != FieldId::rate_limit || !is_reset(field.name)) continue;
    const auto wait = parse_reset(field.value, now);
    if (wait && (!latest || *wait > *latest) && is_used_up(fields, field.name)) latest = wait;
  }
  return latest;
}

}  // namespace

std::optional<Duration> parse_reset(std::string_view text, WallTime now) {
  if (text.size() > kMaxText) return std::nullopt;
  if (const auto number = parse_decimal(text)) {
    // Unix time has been above 1e9 seconds since 2001; nothing resets that long after now.
    if (*number < 1e9) return of_seconds(*number);
    const double seconds = *number < 1e11 ? *number : *number / 1000;
    if (seconds > 7e9) return std::nullopt;  // nanoseconds since 1970 would not fit
    return until(WallTime{} + std::chrono::round<Duration>(std::chrono::duration<double>(seconds)), now);
  }
  if (const auto seconds = parse_units(text); seconds && !text.empty()) return of_seconds(*seconds);
  if (const auto date = parse_rfc3339(text)) return until(*date, now);
  return std::nullopt;
}

std::optional<Duration> find_retry_after(const Fields& fields, WallTime wall) {
  const Field* seconds = nullptr;
  const Field* milliseconds = nullptr;
  WallTime now = wall;
  bool limits = false;
  for (const Field& field : fields) {
    if (field.traits.id == FieldId::date) now = parse_http_date(field.value).value_or(wall);
    if (field.traits.id == FieldId::rate_limit) limits = true;
    if (field.traits.id != FieldId::retry_after) continue;
    (same_name(field.name, "retry-after-ms") ? milliseconds : seconds) = &field;
  }
  if (milliseconds != nullptr)
    if (const auto value = parse_decimal(milliseconds->value))
      if (const auto wait = of_seconds(*value / 1000)) return wait;
  if (seconds != nullptr)
    if (const auto wait = parse_retry_after(seconds->value, now)) return wait;
  return limits ? latest_reset(fields, now) : std::nullopt;
}

}  // namespace headworks::wire
