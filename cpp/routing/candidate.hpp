// Candidate: one target of a route as a plan sees it at one moment: free, or out and why, and when it will be
// free. Must not know: strategies, attempts.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/clock.hpp"
#include "catalog/snapshot.hpp"
#include "gauges/reservation.hpp"

namespace headworks::routing {

// Why a candidate was not asked.
enum class Out : std::uint8_t {
  unusable,  // disabled, or its key cannot be read
  cooling,
  bucket,     // as many starts in the window as rpm_limit allows
  in_flight,  // max_in_flight exchanges are under way
};

constexpr std::string_view name_of(Out out) {
  constexpr std::string_view kNames[] = {"unusable", "cooling", "bucket", "in_flight"};
  return kNames[static_cast<std::size_t>(out)];
}

// One line of a plan's record.
struct Skipped {
  std::uint32_t candidate = 0;
  Out out = Out::unusable;
  std::uint8_t attempts_before = 0;
};

// The earliest moment at which `target` can be asked: `now` if it is free; none when it is unusable. A
// backend whose places are all taken is free again nobody knows when: kPlaceGuess from now is said for it.
constexpr base::Duration kPlaceGuess = std::chrono::seconds{1};
// `charge` nothing: an empty bucket does not matter.
std::optional<base::TimePoint> find_ready_at(const catalog::Target& target, base::TimePoint now,
                                             gauges::Charge charge);

}  // namespace headworks::routing
