// A log-linear histogram of nanoseconds: 128 steps per power of two, so that a value read back is at most 0.8
// % above the one recorded, whatever its size. After Gil Tene's HdrHistogram; recording is one increment. Not
// thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace headworks::bench {

class Histogram {
 public:
  Histogram() : counts_(kBuckets) {}

  void record(std::uint64_t value, std::uint64_t times = 1);
  void merge(const Histogram& other);

  std::uint64_t count() const { return count_; }
  std::uint64_t min() const { return count_ == 0 ? 0 : min_; }
  std::uint64_t max() const { return max_; }
  double mean() const { return count_ == 0 ? 0 : sum_ / static_cast<double>(count_); }
  // The smallest recorded value (within 0.8 %) that at least the share `q` of all values does not exceed; 0
  // when empty.
  std::uint64_t quantile(double q) const;

  // Upper bound and count of each bucket that is not empty, ascending: what a plot needs.
  std::vector<std::pair<std::uint64_t, std::uint64_t>> buckets() const;

 private:
  static constexpr int kBits = 7;
  static constexpr std::size_t kBuckets = (64 - kBits + 1) << kBits;
  static std::size_t index_of(std::uint64_t value);
  static std::uint64_t upper_bound_of(std::size_t index);

  std::vector<std::uint64_t> counts_;
  std::uint64_t count_ = 0;
  std::uint64_t min_ = ~std::uint64_t{0};
  std::uint64_t max_ = 0;
  double sum_ = 0;
};

}  // namespace headworks::bench
