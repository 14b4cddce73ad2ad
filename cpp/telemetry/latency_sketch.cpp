#include "telemetry/latency_sketch.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>

namespace headworks::telemetry {
namespace {

constexpr double kGrowth = 1.04;
constexpr std::uint32_t kLast = 600;  // 1.04^600 us: 4.6 hours

// Bucket 0: below 1 us. Bucket n: from 1.04^(n-1) us to 1.04^n us.
std::uint32_t index_of(base::Duration lasted) {
  static const double kScale = 1 / std::log(kGrowth);
  const double us = std::chrono::duration<double, std::micro>(lasted).count();
  if (!(us >= 1)) return 0;
  return std::min(kLast, static_cast<std::uint32_t>(std::log(us) * kScale) + 1);
}

base::Duration middle_of(std::uint32_t index) {
  if (index == 0) return {};
  const double us = 2 * std::pow(kGrowth, index) / (kGrowth + 1);
  return std::chrono::duration_cast<base::Duration>(std::chrono::duration<double, std::micro>(us));
}

void append_number(std::vector<std::uint8_t>& bytes, std::uint64_t number) {
  for (; number >= 0x80; number >>= 7) bytes.push_back(static_cast<std::uint8_t>(number | 0x80));
  bytes.push_back(static_cast<std::uint8_t>(number));
}

// False when there is no whole number of 63 bits.
bool take_number(std::span<const std::uint8_t>& bytes, std::uint64_t& number) {
  if (!bytes.empty() && bytes.front() < 0x80) {
    number = bytes.front();
    bytes = bytes.subspan(1);
    return true;
  }
  number = 0;
  for (unsigned shift = 0; shift < 63 && !bytes.empty(); shift += 7) {
    const std::uint8_t byte = bytes.front();
    bytes = bytes.subspan(1);
    number |= std::uint64_t{byte & 0x7FU} << shift;
    if (byte < 0x80) return true;
  }
  return false;
}

// Adds to the bucket of this index, which is none before place `at`; its place. Buckets are at least one index apart, so
// it is not far: sums of months are made of such steps.
template <class Buckets>
std::size_t add_from(Buckets& buckets, std::size_t at, std::uint32_t index, std::uint64_t count) {
  std::size_t end = at;
  if (at < buckets.size() && buckets[at].index <= index) {
    const std::size_t furthest = at + (index - buckets[at].index);
    if (furthest < buckets.size() && buckets[furthest].index == index) {  // all between are there, as in most sums
      buckets[furthest].count += count;
      return furthest;
    }
    end = std::min(buckets.size(), furthest + 1);
  }
  const auto place = std::lower_bound(buckets.begin() + static_cast<std::ptrdiff_t>(at),
                                      buckets.begin() + static_cast<std::ptrdiff_t>(end), index,
                                      [](const auto& bucket, std::uint32_t wanted) { return bucket.index < wanted; });
  const auto found = static_cast<std::size_t>(place - buckets.begin());
  if (place != buckets.end() && place->index == index) place->count += count;
  else buckets.insert(place, {index, count});
  return found;
}

struct Read {
  std::uint32_t index;
  std::uint64_t count;
};
using Reads = std::array<Read, kLast + 1>;  // not cleared before it is written: that would cost more than the rest

// How many there are; none: they are no sketch.
std::optional<std::size_t> decode(std::span<const std::uint8_t> bytes, Reads& reads) {
  std::size_t size = 0;
  std::uint64_t index = 0;
  while (!bytes.empty()) {
    std::uint64_t step = 0, count = 0;
    if (!take_number(bytes, step) || !take_number(bytes, count) || step > kLast) return std::nullopt;
    index += step;
    if (index > kLast || (size != 0 && step == 0)) return std::nullopt;
    reads[size++] = {static_cast<std::uint32_t>(index), count};
  }
  return size;
}

}  // namespace

void LatencySketch::add(std::uint32_t index, std::uint64_t count) {
  const auto at = std::lower_bound(buckets_.begin(), buckets_.end(), index,
                                   [](const Bucket& bucket, std::uint32_t wanted) { return bucket.index < wanted; });
  if (at != buckets_.end() && at->index == index) at->count += count;
  else buckets_.insert(at, {index, count});
}

void LatencySketch::add(base::Duration lasted) { add(index_of(lasted), 1); }

// Both are in order: one walk over the two.
void LatencySketch::add(const LatencySketch& other) {
  if (buckets_.empty()) {
    buckets_ = other.buckets_;
    return;
  }
  std::size_t at = 0;
  for (const Bucket& bucket : other.buckets_) at = add_from(buckets_, at, bucket.index, bucket.count);
}

bool LatencySketch::add_encoded(std::span<const std::uint8_t> bytes) {
  Reads reads;
  const auto size = decode(bytes, reads);
  if (!size) return false;
  if (buckets_.empty()) buckets_.reserve(*size);
  std::size_t at = 0;
  for (std::size_t each = 0; each < *size; ++each) at = add_from(buckets_, at, reads[each].index, reads[each].count);
  return true;
}

std::vector<std::uint8_t> LatencySketch::encode() const {
  std::vector<std::uint8_t> bytes;
  bytes.reserve(buckets_.size() * 2);
  std::uint32_t before = 0;
  for (const Bucket& bucket : buckets_) {
    append_number(bytes, bucket.index - before);
    append_number(bytes, bucket.count);
    before = bucket.index;
  }
  return bytes;
}

std::uint64_t LatencySketch::count() const {
  std::uint64_t sum = 0;
  for (const Bucket& bucket : buckets_) sum += bucket.count;
  return sum;
}

base::Duration LatencySketch::quantile(double q) const {
  const std::uint64_t total = count();
  if (total == 0) return {};
  const auto share = std::clamp(q, 0.0, 1.0) * static_cast<double>(total);
  const auto rank = static_cast<std::uint64_t>(std::max(1.0, std::ceil(share))) - 1;
  std::uint64_t passed = 0;
  for (const Bucket& bucket : buckets_) {
    passed += bucket.count;
    if (passed > rank) return middle_of(bucket.index);
  }
  return middle_of(buckets_.back().index);
}

}  // namespace headworks::telemetry
