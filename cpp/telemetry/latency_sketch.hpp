// How long things took, as counts in buckets that grow by 4 %: a quantile is right to 2 %, and two sketches add up to
// the sketch of everything that both have seen. From 1 us to five hours; what is beyond counts at the edge. The
// scheme is DDSketch (Masson, Rim, Lee, VLDB 2019). A value type.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/clock.hpp"

namespace headworks::telemetry {

class LatencySketch {
 public:
  void add(base::Duration lasted);
  void add(const LatencySketch& other);

  // The bytes of encode(); false, and nothing is added, when they are not.
  bool add_encoded(std::span<const std::uint8_t> bytes);
  // Pairs of (distance to the bucket before, count), each a LEB128 number; nothing for an empty sketch.
  std::vector<std::uint8_t> encode() const;

  std::uint64_t count() const;
  // The least value that a share q in [0, 1] of all does not exceed (nearest rank); zero when nothing was added.
  base::Duration quantile(double q) const;

 private:
  struct Bucket {
    std::uint32_t index = 0;
    std::uint64_t count = 0;
  };
  void add(std::uint32_t index, std::uint64_t count);
  std::vector<Bucket> buckets_;  // by index
};

}  // namespace headworks::telemetry
