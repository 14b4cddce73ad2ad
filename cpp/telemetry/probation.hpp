// Probation: whether a change of the configuration made things worse. For some minutes after it the share of failures in
// each pool that it touched, and among all exchanges, is compared with what that was before.
//
// Decides only: time is given. Not thread-safe. Must not know: the catalog, how a change is undone.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "telemetry/exchange_record.hpp"

namespace headworks::telemetry {

class Probation {
 public:
  struct Bound {
    base::Duration lasts{};
    double worse_by = 0.2;     // of the share of failures
    std::uint32_t least = 20;  // calls or exchanges after the change: fewer prove nothing
  };
  // A pool's calls that failed, or (pool "") exchanges that ended with an error of ours or found nobody.
  struct Worse {
    std::uint64_t revision = 0;
    std::string pool;
    double before = 0, after = 0;  // shares
    std::uint32_t failed = 0, of = 0;
  };

  // What an exchange was routed by says on which side of the change it counts.
  void note(const ExchangeRecord& exchange, base::TimePoint now);
  // `revision` is a change that touched these pools. One that is on probation already passes: whoever made the next
  // change has seen how things stand.
  void begin(std::uint64_t revision, std::vector<std::string> pools, const Bound& bound, base::TimePoint now);
  // The pool that is worse by more than the bound; the probation then is over. None: nothing to say, or yet to say.
  std::optional<Worse> find_worse(base::TimePoint now);
  bool running(base::TimePoint now) const { return revision_ != 0 && now < ends_; }

 private:
  struct Tally {
    std::uint32_t failed = 0, of = 0;
    double share() const { return of == 0 ? 0 : double{1} * failed / of; }
  };
  struct Slot {
    base::TimePoint began{};
    std::map<std::string, Tally, std::less<>> pools;
  };
  static constexpr base::Duration kSlot = std::chrono::seconds{10};
  static constexpr std::size_t kSlots = 360;  // an hour

  void count(std::string_view pool, bool failed, bool after, base::TimePoint now);

  std::deque<Slot> slots_;  // before the change, oldest first
  std::uint64_t revision_ = 0;  // on probation; 0: none
  base::TimePoint ends_{};
  Bound bound_;
  std::vector<std::string> pools_;
  std::map<std::string, Tally, std::less<>> before_, after_;
};

}  // namespace headworks::telemetry
