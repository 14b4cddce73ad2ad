// The live state of one origin (scheme, host, port) that several backends share: when many of their keys are
// rate limited within seconds, it is our address that is limited, and no key is to blame.
//
// A gauge: atomics only, callable from every thread. Carried over from snapshot to snapshot by the origin.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "base/clock.hpp"
#include "gauges/recovery.hpp"

namespace headworks::gauges {

class OriginGauge {
 public:
  // So many different keys, and at least half of the origin's, within this time.
  static constexpr std::uint32_t kKeys = 3;
  static constexpr base::Duration kWithin = std::chrono::seconds{5};
  // So long after that, the next 429 of any key is taken for the same.
  static constexpr base::Duration kRemembered = std::chrono::seconds{60};

  Recovery& recovery() { return recovery_; }
  const Recovery& recovery() const { return recovery_; }

  // The key number `key` (any number that tells the origin's keys apart) was limited, of `keys` in all. True
  // when by now it must be the address.
  bool note_limited(std::uint32_t key, std::uint32_t keys, base::TimePoint now);
  // Whether `key` was limited within kWithin.
  bool was_limited(std::uint32_t key, base::TimePoint now) const;

 private:
  struct Mark {
    std::atomic<std::int64_t> at{0};  // 0: free
    std::atomic<std::uint32_t> key{0};
  };
  Recovery recovery_;
  std::atomic<std::int64_t> address_at_{0};  // when it last was the address; 0: never
  std::array<Mark, 16> marks_;
};

}  // namespace headworks::gauges
