#include "wire/date.hpp"

#include <chrono>

namespace headworks::wire {
namespace {

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }

constexpr std::string_view kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr std::string_view kDays[] = {"Monday", "Tuesday",  "Wednesday", "Thursday",
                                      "Friday", "Saturday", "Sunday"};

// Takes a date apart from left to right; the first thing that does not fit makes it none.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  bool ok() const { return ok_; }
  bool at_end() const { return ok_ && text_.empty(); }

  bool take(std::string_view expected) {
    if (!text_.starts_with(expected)) return false;
    text_.remove_prefix(expected.size());
    return true;
  }
  Scanner& expect(std::string_view expected) {
    ok_ = ok_ && take(expected);
    return *this;
  }
  // Exactly `digits` of them.
  int number(std::size_t digits) {
    int value = 0;
    if (text_.size() < digits) ok_ = false;
    for (std::size_t i = 0; ok_ && i < digits; ++i) {
      ok_ = is_digit(text_[i]);
      value = value * 10 + (text_[i] - '0');
    }
    if (ok_) text_.remove_prefix(digits);
    return value;
  }
  std::chrono::nanoseconds fraction() {
    std::chrono::nanoseconds value{0};
    std::chrono::nanoseconds unit = std::chrono::seconds(1);
    ok_ = ok_ && !text_.empty() && is_digit(text_.front());
    for (; ok_ && !text_.empty() && is_digit(text_.front()); text_.remove_prefix(1)) {
      unit /= 10;
      value += unit * (text_.front() - '0');
    }
    return value;
  }
  // The number of the month, 1 to 12; 0 when it is none.
  unsigned month() {
    for (unsigned i = 0; i < 12; ++i)
      if (take(kMonths[i])) return i + 1;
    ok_ = false;
    return 0;
  }
  // A day's name, in full or its three letters.
  bool day_name(bool in_full) {
    for (const std::string_view day : kDays)
      if (take(in_full ? day : day.substr(0, 3))) return true;
    return false;
  }

 private:
  std::string_view text_;
  bool ok_ = true;
};

struct TimeOfDay {
  int hour = 0, minute = 0, second = 0;
};

TimeOfDay read_time(Scanner& scan) {
  TimeOfDay time;
  time.hour = scan.number(2);
  time.minute = scan.expect(":").number(2);
  time.second = scan.expect(":").number(2);
  return time;
}

std::optional<base::WallTime> make_time(int year, unsigned month, int day, const TimeOfDay& time) {
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(month),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok() || year < 1970 || year > 2200 || time.hour > 23 || time.minute > 59 || time.second > 60)
    return std::nullopt;
  return base::WallTime{std::chrono::sys_days(date)} + std::chrono::hours(time.hour) +
         std::chrono::minutes(time.minute) + std::chrono::seconds(time.second);
}

// Sun, 06 Nov 1994 08:49:37 GMT
std::optional<base::WallTime> parse_fixdate(std::string_view text) {
  Scanner scan(text);
  if (!scan.day_name(false)) return std::nullopt;
  const int day = scan.expect(", ").number(2);
  const unsigned month = scan.expect(" ").month();
  const int year = scan.expect(" ").number(4);
  const TimeOfDay time = read_time(scan.expect(" "));
  if (!scan.expect(" GMT").at_end()) return std::nullopt;
  return make_time(year, month, day, time);
}

// Sunday, 06-Nov-94 08:49:37 GMT
std::optional<base::WallTime> parse_rfc850(std::string_view text) {
  Scanner scan(text);
  if (!scan.day_name(true)) return std::nullopt;
  const int day = scan.expect(", ").number(2);
  const unsigned month = scan.expect("-").month();
  const int year = scan.expect("-").number(2);
  const TimeOfDay time = read_time(scan.expect(" "));
  if (!scan.expect(" GMT").at_end()) return std::nullopt;
  return make_time(year < 70 ? 2000 + year : 1900 + year, month, day, time);
}

// Sun Nov  6 08:49:37 1994
std::optional<base::WallTime> parse_asctime(std::string_view text) {
  Scanner scan(text);
  if (!scan.day_name(false)) return std::nullopt;
  const unsigned month = scan.expect(" ").month();
  const int day = scan.expect(" ").take(" ") ? scan.number(1) : scan.number(2);
  const TimeOfDay time = read_time(scan.expect(" "));
  const int year = scan.expect(" ").number(4);
  if (!scan.at_end()) return std::nullopt;
  return make_time(year, month, day, time);
}

}  // namespace

std::optional<base::WallTime> parse_http_date(std::string_view text) {
  if (const auto time = parse_fixdate(text)) return time;
  if (const auto time = parse_rfc850(text)) return time;
  return parse_asctime(text);
}

std::optional<base::WallTime> parse_rfc3339(std::string_view text) {
  Scanner scan(text);
  const int year = scan.number(4);
  const int month = scan.expect("-").number(2);
  const int day = scan.expect("-").number(2);
  if (!scan.take("T") && !scan.take("t")) scan.expect(" ");
  const TimeOfDay time = read_time(scan);
  const std::chrono::nanoseconds fraction =
      scan.ok() && scan.take(".") ? scan.fraction() : std::chrono::nanoseconds(0);
  std::chrono::minutes offset{0};
  if (!scan.take("Z") && !scan.take("z")) {
    const bool west = scan.take("-");
    if (!west) scan.expect("+");
    const int hours = scan.number(2);
    const int minutes = scan.expect(":").number(2);
    if (hours > 23 || minutes > 59) return std::nullopt;
    offset = std::chrono::minutes((west ? -1 : 1) * (hours * 60 + minutes));
  }
  if (!scan.at_end() || month < 1 || month > 12) return std::nullopt;
  const auto local = make_time(year, static_cast<unsigned>(month), day, time);
  if (!local) return std::nullopt;
  return *local + fraction - offset;
}

}  // namespace headworks::wire
