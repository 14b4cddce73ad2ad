#include "net/buffer_pool.hpp"

#include <cstring>

namespace headworks::net {
namespace {

char* allocate(std::size_t capacity) {
  char* data = static_cast<char*>(::operator new(capacity + Buffer::kPadding));
  std::memset(data + capacity, 0, Buffer::kPadding);
  return data;
}

}  // namespace

BufferPool::~BufferPool() {
  for (char* data : small_) ::operator delete(data);
  for (char* data : large_) ::operator delete(data);
}

Buffer BufferPool::rent(std::size_t size) {
  const std::size_t capacity = size <= kSmall ? kSmall : size <= kLarge ? kLarge : size;
  std::vector<char*>& free = capacity == kSmall ? small_ : large_;
  char* data = nullptr;
  if (capacity <= kLarge && !free.empty()) {
    data = free.back();
    free.pop_back();
  } else {
    data = allocate(capacity);
  }
  if (capacity <= kLarge) count(capacity);
  return Buffer(this, data, capacity);
}

void BufferPool::take_back(char* data, std::size_t capacity) {
  if (capacity <= kLarge) count(0 - std::uint64_t{capacity});
  if (capacity == kSmall && small_.size() < kKeepSmall) {
    small_.push_back(data);
  } else if (capacity == kLarge && large_.size() < kKeepLarge) {
    large_.push_back(data);
  } else {
    ::operator delete(data);
  }
}

}  // namespace headworks::net
