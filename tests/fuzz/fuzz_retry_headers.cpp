// Rate-limit fields of upstreams: whatever they say, the hint is a time that can be waited for.
#include "target.hpp"
#include "wire/date.hpp"
#include "wire/retry_after.hpp"

namespace headworks::fuzz {

// Lines of "name: value".
inline void retry_headers(std::string_view input) {
  wire::Fields fields;
  const Exact exact(input);
  for (std::string_view rest = exact.view(); !rest.empty() && fields.size() < 100;) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    const std::size_t colon = std::min(line.find(": "), line.size());
    const std::string_view name = line.substr(0, colon);
    const std::string_view value = line.substr(std::min(colon + 2, line.size()));
    fields.push_back(wire::Field{name, value, wire::traits_of(name)});
    if (const auto date = wire::parse_http_date(value))
      require(value.size() >= 24 && value.size() <= 33, "a date has one of three lengths");
    if (const auto date = wire::parse_rfc3339(value)) require(value.size() >= 20, "a date is not shorter");
  }
  const base::WallTime now{std::chrono::seconds{1'769'851'800}};
  const auto hint = wire::find_retry_after(fields, now);
  require(!hint || *hint <= std::chrono::hours(24 * 367), "nothing longer than a year");
  require(!hint || *hint >= -std::chrono::hours(24 * 366 * 250), "nothing before 1970");
}

}  // namespace headworks::fuzz

HEADWORKS_FUZZ_TARGET(retry_headers)
