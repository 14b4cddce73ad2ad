// Buffers lent while a connection is active and handed back when it is idle: an idle connection holds none.
// Two sizes from free lists (2 KiB for small bodies, 16 KiB for what is read), anything larger from the heap.
//
// Loop-owned. A Buffer hands itself back when destroyed; it must not outlive its pool.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

namespace headworks::net {

class BufferPool;

class Buffer {
 public:
  // Room behind the capacity that is readable (not necessarily zero): the JSON reader loads past the end.
  static constexpr std::size_t kPadding = 64;

  Buffer() = default;
  Buffer(Buffer&& other) noexcept
      : pool_(std::exchange(other.pool_, nullptr)),
        data_(std::exchange(other.data_, nullptr)),
        capacity_(std::exchange(other.capacity_, 0)) {}
  Buffer& operator=(Buffer&& other) noexcept {
    if (this != &other) {
      reset();
      pool_ = std::exchange(other.pool_, nullptr);
      data_ = std::exchange(other.data_, nullptr);
      capacity_ = std::exchange(other.capacity_, 0);
    }
    return *this;
  }
  ~Buffer() { reset(); }

  explicit operator bool() const { return data_ != nullptr; }
  char* data() const { return data_; }
  std::size_t capacity() const { return capacity_; }  // without the padding
  std::string_view view(std::size_t begin, std::size_t end) const { return {data_ + begin, end - begin}; }
  inline void reset();

 private:
  friend class BufferPool;
  Buffer(BufferPool* pool, char* data, std::size_t capacity) : pool_(pool), data_(data), capacity_(capacity) {}
  BufferPool* pool_ = nullptr;
  char* data_ = nullptr;
  std::size_t capacity_ = 0;
};

class BufferPool {
 public:
  static constexpr std::size_t kSmall = 2048 - Buffer::kPadding;
  static constexpr std::size_t kLarge = 16384 - Buffer::kPadding;

  BufferPool() = default;
  BufferPool(const BufferPool&) = delete;
  BufferPool& operator=(const BufferPool&) = delete;
  ~BufferPool();

  // A buffer of at least `size` bytes.
  Buffer rent(std::size_t size = kLarge);
  // What is lent of the two sizes (larger ones are their borrower's to count). Any thread may read it, also when the pool
  // is gone.
  std::shared_ptr<const std::atomic<std::uint64_t>> lent_bytes() const { return lent_bytes_; }

 private:
  friend class Buffer;
  static constexpr std::size_t kKeepSmall = 512;  // per loop: 1 MiB
  static constexpr std::size_t kKeepLarge = 256;  // per loop: 4 MiB
  void take_back(char* data, std::size_t capacity);
  void count(std::uint64_t more) {  // only the loop writes: no bus is locked
    lent_bytes_->store(lent_bytes_->load(std::memory_order_relaxed) + more, std::memory_order_relaxed);
  }

  std::vector<char*> small_;
  std::vector<char*> large_;
  std::shared_ptr<std::atomic<std::uint64_t>> lent_bytes_ = std::make_shared<std::atomic<std::uint64_t>>(0);
};

inline void Buffer::reset() {
  if (data_ != nullptr) pool_->take_back(data_, capacity_);
  pool_ = nullptr;
  data_ = nullptr;
  capacity_ = 0;
}

}  // namespace headworks::net
