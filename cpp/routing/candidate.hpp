// Candidate: one target of a route as a plan sees it at one moment: free (and then taken in the same step),
// or out and why, and when it will be free. Must not know: strategies, attempts.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>

#include "base/clock.hpp"
#include "catalog/snapshot.hpp"
#include "gauges/reservation.hpp"

namespace headworks::routing {

// Why a candidate was not asked.
enum class Out : std::uint8_t {
  unusable,         // disabled, or its key cannot be read
  cooling,          // the backend rests
  cooling_model,    // this model on it does
  cooling_address,  // every backend of its origin does
  failing,          // it was taken out because it fails, or its key is refused
  probing,          // it comes back: one call is finding out whether it is well
  ramping,          // slow start
  bucket,           // as many starts in the window as rpm_limit allows
  tokens,           // as many tokens in the window as tpm_limit allows
  in_flight,        // max_in_flight calls are under way
  context,          // the request is too long for the model's context there
  too_slow,         // its first token is expected after the deadline
  awaited,          // others were here before: it is their turn
  patience,         // its tier is not worth leaving the one before it for
  retries,          // its pool's retry budget is used up
};
inline constexpr std::size_t kOuts = 15;
std::string_view name_of(Out out);

// What the plan asks for: the same at every candidate of one moment.
struct Asking {
  base::TimePoint now{};
  base::TimePoint deadline = base::TimePoint::max();
  gauges::Demand demand = {};
  std::uint64_t least_tokens = 0;    // the request is at least so long; 0: nobody knows
  std::uint32_t above_context = 0;   // a context of this size was too small already
  base::Duration ramp = std::chrono::seconds{10};
  std::uint64_t affinity = 0;        // see Asked
  bool in_line = false;              // it is this request's turn
  std::uint64_t tiers_out = 0;       // a bit for each tier that is not asked any more; the 65th and later always are
  bool leaves_out(std::size_t tier) const { return tier < 64 && (tiers_out >> tier & 1) != 0; }
};

// The right to call a target that is coming back: the leases and ramp places it was given. Movable; what was
// not used is given back. Empty for a target that is open, which is the common case.
class Passage {
 public:
  Passage() = default;
  Passage(Passage&& other) noexcept { *this = std::move(other); }
  Passage& operator=(Passage&& other) noexcept;
  ~Passage() { give_up(); }

  // None: admitted; else why not (and nothing more may be asked of this object).
  std::optional<gauges::Recovery::Phase> enter(gauges::Recovery& recovery, base::TimePoint now,
                                               const gauges::Recovery::Ramp& ramp);
  // The call went out: its place in a slow start is used.
  void mark_sent() { sent_ = true; }
  // Nothing it goes through is coming back: it holds no lease and no place in a slow start.
  bool empty() const { return count_ == 0; }
  // This call is the probe of `recovery`.
  bool probes(const gauges::Recovery& recovery) const;

 private:
  void give_up();
  struct Held {
    gauges::Recovery* recovery = nullptr;
    gauges::Recovery::Entry entry;
  };
  std::array<Held, 3> held_{};
  std::uint8_t count_ = 0;
  bool sent_ = false;
};

// A target that was free, and is held.
struct Held {
  gauges::Reservation reservation;
  Passage passage;
};

// What take() would say, without taking: none, it is free.
std::optional<Out> look(const catalog::Target& target, const Asking& asking);

// Takes `target` if it is free.
std::variant<Held, Out> take(const catalog::Target& target, const Asking& asking);

// The earliest moment at which `target` can be asked: `now` if it is free; none when it cannot serve this
// request, or fails and is not worth waiting for. A backend whose places are all taken is free again nobody
// knows when: kPlaceGuess from now is said for it.
constexpr base::Duration kPlaceGuess = std::chrono::seconds{1};
std::optional<base::TimePoint> find_ready_at(const catalog::Target& target, const Asking& asking);

// When `target`, which is out because it fails, is asked again; none: it is not.
std::optional<base::TimePoint> find_retried_at(const catalog::Target& target, base::TimePoint now);

// The slow start of `target`: to its configured rate.
gauges::Recovery::Ramp ramp_of(const catalog::Target& target, base::Duration length);

}  // namespace headworks::routing
