#include "dialect/limit_reading.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <string>

#include "wire/char_class.hpp"
#include "wire/retry_after.hpp"

namespace headworks::dialect {
namespace {

constexpr std::size_t kLooked = 8192;            // of a body
constexpr double kLongest = 366.0 * 86'400;      // seconds; what is longer is no answer to "when"
constexpr auto npos = std::string_view::npos;

std::string lower_case(std::string_view text) {
  std::string out(text.substr(0, kLooked));
  std::transform(out.begin(), out.end(), out.begin(), [](char c) { return wire::lower(c); });
  return out;
}

bool has(std::string_view text, std::string_view what) { return text.find(what) != npos; }
template <std::size_t N>
bool has_any(std::string_view text, const std::array<std::string_view, N>& whats) {
  return std::any_of(whats.begin(), whats.end(), [&](std::string_view what) { return has(text, what); });
}

void skip_blanks(std::string_view& text) {
  text.remove_prefix(std::min(text.find_first_not_of(" \t\r\n\""), text.size()));
}

// A plain decimal number at the beginning of `text`, which moves behind it.
std::optional<double> take_number(std::string_view& text) {
  const std::size_t size = std::min(text.find_first_not_of("0123456789."), text.size());
  std::string_view digits = text.substr(0, size);
  if (digits.ends_with('.')) digits.remove_suffix(1);  // the end of a sentence
  if (digits.empty() || digits.size() > 20) return std::nullopt;
  double value = 0;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), value, std::chars_format::fixed);
  if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  text.remove_prefix(digits.size());
  return value;
}

struct Unit {
  std::string_view name;
  double seconds;
};
constexpr std::array kUnits = {
    Unit{"milliseconds", 1e-3}, Unit{"millisecond", 1e-3}, Unit{"ms", 1e-3}, Unit{"seconds", 1},
    Unit{"second", 1},          Unit{"secs", 1},           Unit{"sec", 1},   Unit{"s", 1},
    Unit{"minutes", 60},        Unit{"minute", 60},        Unit{"mins", 60}, Unit{"min", 60},
    Unit{"m", 60},              Unit{"hours", 3600},       Unit{"hour", 3600}, Unit{"hrs", 3600},
    Unit{"h", 3600},            Unit{"days", 86'400},      Unit{"day", 86'400}, Unit{"d", 86'400}};

// The unit at the beginning of `text`, as a whole word or before the next number ("6m0s").
const Unit* take_unit(std::string_view& text) {
  for (const Unit& unit : kUnits) {
    if (!text.starts_with(unit.name)) continue;
    const std::string_view after = text.substr(unit.name.size());
    if (!after.empty() && after.front() >= 'a' && after.front() <= 'z') continue;
    text = after;
    return &unit;
  }
  return nullptr;
}

std::optional<base::Duration> of_seconds(double seconds) {
  if (!(seconds >= 0) || seconds > kLongest) return std::nullopt;
  return std::chrono::duration_cast<base::Duration>(std::chrono::duration<double>(seconds));
}

// "20s", "1h2m3.5s", "7 minutes", "12 seconds", "20" (seconds).
std::optional<base::Duration> read_span(std::string_view text) {
  double sum = 0;
  bool any = false;
  for (int parts = 0; parts < 4; ++parts) {
    skip_blanks(text);
    std::string_view rest = text;
    const auto number = take_number(rest);
    if (!number) break;
    if (rest.starts_with(' ')) rest.remove_prefix(1);
    const Unit* unit = take_unit(rest);
    if (unit == nullptr) {
      if (any) break;
      return of_seconds(*number);
    }
    sum += *number * unit->seconds;
    any = true;
    text = rest;
  }
  return any ? of_seconds(sum) : std::nullopt;
}

// What stands after one of these says when. JSON members come with the unit of their name.
struct Phrase {
  std::string_view words;
  double seconds;  // of a bare number
};
constexpr std::array kPhrases = {
    Phrase{"\"retry_after_ms\":", 1e-3}, Phrase{"\"retryafterms\":", 1e-3}, Phrase{"\"retry_after\":", 1},
    Phrase{"\"retryafter\":", 1},        Phrase{"\"retrydelay\":", 1},      Phrase{"\"retry_after_seconds\":", 1},
    Phrase{"try again in ", 1},          Phrase{"retry after ", 1},         Phrase{"try again after ", 1},
    Phrase{"retry in ", 1},              Phrase{"retrying in ", 1},         Phrase{"available in ", 1},
    Phrase{"resets in ", 1},             Phrase{"reset after ", 1},         Phrase{"please wait ", 1}};

std::optional<base::Duration> find_span(std::string_view text) {
  for (const Phrase& phrase : kPhrases) {
    for (std::size_t at = text.find(phrase.words); at != npos; at = text.find(phrase.words, at + 1)) {
      std::string_view rest = text.substr(at + phrase.words.size(), 64);
      skip_blanks(rest);
      if (phrase.seconds != 1) {
        if (const auto number = take_number(rest)) return of_seconds(*number * phrase.seconds);
      } else if (const auto span = read_span(rest)) {
        return span;
      }
    }
  }
  return std::nullopt;
}

constexpr std::array<std::string_view, 5> kMoney = {"insufficient_quota", "billing_hard_limit", "insufficient balance",
                                                    "insufficient_balance", "credit balance is too low"};
constexpr std::array<std::string_view, 7> kAddress = {"error code: 1015", "error 1015",  "your ip ", "your ip address",
                                                      "this ip",          "ip address", "from your ip"};
constexpr std::array<std::string_view, 5> kModel = {" for model ", "permodel", "per model", "model_rate_limit",
                                                    "model rate limit"};
constexpr std::array<std::string_view, 9> kAllowance = {"exceeded your current quota", "quota_exceeded", "quota exceeded",
                                                        "per-day", "per day", "daily limit", "daily quota",
                                                        "monthly limit", "usage limit"};

// "Rate limit reached for gpt-4o in organization org-1 on ..." names what is limited, and it is not "requests".
bool names_a_model(std::string_view text) {
  static constexpr std::string_view kWords = "rate limit reached for ";
  static constexpr std::array<std::string_view, 8> kOthers = {"request", "token", "your", "this",
                                                              "the ",    "organi", "user", "account"};
  const std::size_t at = text.find(kWords);
  if (at == npos) return false;
  const std::string_view rest = text.substr(at + kWords.size());
  return std::none_of(kOthers.begin(), kOthers.end(), [&](std::string_view word) { return rest.starts_with(word); });
}

LimitScope scope_of(std::string_view text) {
  if (has_any(text, kMoney)) return LimitScope::quota;
  if (names_a_model(text) || has_any(text, kModel)) return LimitScope::model;
  if (has_any(text, kAddress)) return LimitScope::address;
  return has_any(text, kAllowance) ? LimitScope::quota : LimitScope::backend;
}

}  // namespace

std::string_view name_of(LimitScope scope) {
  static constexpr std::array<std::string_view, 4> kNames = {"backend", "model", "address", "quota"};
  return kNames[static_cast<std::size_t>(scope)];
}

LimitReading read_limit(const wire::Fields& fields, std::string_view body, base::WallTime wall) {
  LimitReading reading;
  const std::string text = lower_case(body);
  reading.scope = scope_of(text);
  if ((reading.after = wire::find_retry_after(fields, wall)))
    reading.source = LimitSource::header;
  else if ((reading.after = find_span(text)))
    reading.source = LimitSource::body;
  return reading;
}

}  // namespace headworks::dialect
