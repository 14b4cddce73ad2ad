#include "upstream/moments.hpp"

#include <charconv>
#include <ctime>
#include <iomanip>
#include <locale>
#include <optional>
#include <sstream>

namespace headworks::upstream {
namespace {

// English names whatever the process's locale is: the stream has its own.
std::string format(base::WallTime at, const char* pattern) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(
      std::chrono::time_point_cast<std::chrono::system_clock::duration>(at));
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::ostringstream out;
  out.imbue(std::locale::classic());
  out << std::put_time(&parts, pattern);
  return std::move(out).str();
}

std::optional<std::string> format_named(std::string_view form, base::WallTime at) {
  using std::chrono::duration_cast;
  if (form == "http_date") return format_http_date(at);
  if (form == "rfc850") return format(at, "%A, %d-%b-%y %H:%M:%S GMT");
  if (form == "asctime") return format(at, "%a %b %e %H:%M:%S %Y");
  if (form == "rfc3339") return format(at, "%Y-%m-%dT%H:%M:%SZ");
  if (form == "epoch") {
    return std::to_string(duration_cast<std::chrono::seconds>(at.time_since_epoch()).count());
  }
  if (form == "epoch_ms") {
    return std::to_string(duration_cast<std::chrono::milliseconds>(at.time_since_epoch()).count());
  }
  return std::nullopt;
}

std::optional<std::string> expand_one(std::string_view inside, base::WallTime now) {
  const std::size_t sign = inside.find_first_of("+-");
  if (sign == std::string_view::npos) return std::nullopt;
  const std::string_view digits = inside.substr(sign + 1);
  std::int64_t seconds = 0;
  const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), seconds);
  if (failed != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  if (inside[sign] == '-') seconds = -seconds;
  return format_named(inside.substr(0, sign), now + std::chrono::seconds(seconds));
}

}  // namespace

std::string format_http_date(base::WallTime at) { return format(at, "%a, %d %b %Y %H:%M:%S GMT"); }

std::string expand_moments(std::string_view text, base::WallTime now) {
  std::string out;
  for (;;) {
    const std::size_t start = text.find("${");
    const std::size_t end = start == std::string_view::npos ? start : text.find('}', start);
    if (end == std::string_view::npos) return out.append(text);
    const auto moment = expand_one(text.substr(start + 2, end - start - 2), now);
    out.append(moment ? std::string(text.substr(0, start)) + *moment : std::string(text.substr(0, end + 1)));
    text.remove_prefix(end + 1);
  }
}

}  // namespace headworks::upstream
