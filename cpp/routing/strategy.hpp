// Strategy: in which order the targets of one tier are asked. One object per tier of a route, made when the
// route is; what it must remember between requests is in atomics, because all loops share it.
// Must not know: cooldowns, buckets, attempts: the plan asks for the next proposal until one is free.
#pragma once

#include <cstdint>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "catalog/snapshot.hpp"
#include "routing/target_set.hpp"

namespace headworks::routing {

// What a strategy may look at.
struct Asked {
  base::TimePoint now;
  base::Random& random;
  // What belongs together, hashed (a client key, a header, the beginning of a prompt); 0: nothing does.
  std::uint64_t affinity = 0;
};

class Strategy {
 public:
  virtual ~Strategy() = default;

  // The best target among `left`, as an index into the tier. REQUIRES !left.empty(). Lock-free, no
  // allocation, and its cost must not grow with the size of the tier.
  virtual std::uint32_t propose(const TargetSet& left, const Asked& asked) = 0;

  // What it goes by at this target now, for people: see StrategyRow::measure. Changes nothing.
  virtual double score(std::uint32_t index, const Asked& asked) const = 0;
};

}  // namespace headworks::routing
