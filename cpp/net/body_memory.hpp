// BodyMemory: what request bodies hold beside the buffers of their connections, on all loops together, against
// limits.body_memory_bytes. A body that fits behind its head costs nothing here.
//
// A body takes the whole length that its head announces before a byte of it is read: who was admitted is never cut
// for it, however slowly its bytes come and whoever comes later. A gauge: lock-free, callable from every thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

namespace headworks::net {

class BodyMemory {
 public:
  // From catalog::Settings. Two stages: bodies above `large` are refused when `large_percent` are held, the others when
  // all is.
  struct Limits {
    std::uint64_t bytes = 268'435'456;
    std::uint64_t large = 1'048'576;
    std::uint32_t large_percent = 80;
  };

  // What a loop's pool has lent (BufferPool::lent_bytes) counts as held: relays and small bodies are never refused for
  // it, but leave less to large ones. REQUIRES that no loop runs yet.
  void add_pool(std::shared_ptr<const std::atomic<std::uint64_t>> lent) { pools_.push_back(std::move(lent)); }

  std::uint64_t bodies() const { return bodies_.load(std::memory_order_relaxed); }
  std::uint64_t buffers() const;

 private:
  friend class BodyHold;
  std::atomic<std::uint64_t> bodies_{0};
  std::vector<std::shared_ptr<const std::atomic<std::uint64_t>>> pools_;
};

// What one body holds. Loop-owned; must not outlive its BodyMemory.
class BodyHold {
 public:
  explicit BodyHold(BodyMemory& memory) : memory_(memory) {}
  BodyHold(const BodyHold&) = delete;
  ~BodyHold() { release(); }

  // Holds `bytes`, which are no fewer than before. False, and nothing changes, when the others leave no room for them.
  // Who is alone always has room: limits.body_bytes is its bound.
  bool grow_to(std::uint64_t bytes, const BodyMemory::Limits& limits);
  void release();

 private:
  BodyMemory& memory_;
  std::uint64_t bytes_ = 0;
};

}  // namespace headworks::net
