#include "net/body_memory.hpp"

#include <utility>

namespace headworks::net {

std::uint64_t BodyMemory::buffers() const {
  std::uint64_t sum = 0;
  for (const auto& lent : pools_) sum += lent->load(std::memory_order_relaxed);
  return sum;
}

bool BodyHold::grow_to(std::uint64_t bytes, const BodyMemory::Limits& limits) {
  const std::uint64_t ceiling = bytes > limits.large ? limits.bytes * limits.large_percent / 100 : limits.bytes;
  const std::uint64_t buffers = memory_.buffers();
  std::uint64_t seen = memory_.bodies();
  std::uint64_t others = 0;
  do {
    others = seen - bytes_;
    if (others != 0 && others + buffers + bytes > ceiling) return false;
  } while (!memory_.bodies_.compare_exchange_weak(seen, others + bytes, std::memory_order_relaxed));
  bytes_ = bytes;
  return true;
}

void BodyHold::release() {
  if (bytes_ != 0) memory_.bodies_.fetch_sub(std::exchange(bytes_, 0), std::memory_order_relaxed);
}

}  // namespace headworks::net
