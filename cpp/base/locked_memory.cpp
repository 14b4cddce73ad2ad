#include "base/locked_memory.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstring>
#include <mutex>
#include <new>

#include "base/secret.hpp"

namespace headworks::base {
namespace {

constexpr std::size_t kStep = 32;          // sizes are rounded up to a multiple
constexpr std::size_t kLargest = 4096;     // longer ones have pages of their own
constexpr std::size_t kRegion = 64 * 1024;

std::atomic<bool> refused{false};

std::size_t page_size() {
  static const auto size = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  return size;
}
std::size_t in_pages(std::size_t size) { return (size + page_size() - 1) / page_size() * page_size(); }

// Whole pages between two that nobody may touch.
char* map_pages(std::size_t size) {
  const std::size_t guard = page_size();
  void* begin = ::mmap(nullptr, size + 2 * guard, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (begin == MAP_FAILED) throw std::bad_alloc();
  char* usable = static_cast<char*>(begin) + guard;
  if (::mprotect(usable, size, PROT_READ | PROT_WRITE) != 0) {
    ::munmap(begin, size + 2 * guard);
    throw std::bad_alloc();
  }
  if (::mlock(usable, size) != 0) refused.store(true, std::memory_order_relaxed);
  ::madvise(usable, size, MADV_DONTDUMP);
  return usable;
}

void unmap_pages(char* usable, std::size_t size) {
  ::munmap(usable - page_size(), size + 2 * page_size());
}

// Small pieces of regions that are never given back to the system. A free piece holds the address of the next one.
struct Pieces {
  std::mutex mutex;
  std::array<char*, kLargest / kStep> free{};
  char* rest = nullptr;  // of the newest region
  std::size_t left = 0;

  char* take(std::size_t rounded) {
    const std::lock_guard lock(mutex);
    char*& first = free[rounded / kStep - 1];
    if (first != nullptr) {
      char* piece = first;
      std::memcpy(&first, piece, sizeof first);
      return piece;
    }
    if (left < rounded) {
      rest = map_pages(kRegion);
      left = kRegion;
    }
    char* piece = rest;
    rest += rounded;
    left -= rounded;
    return piece;
  }
  void give(char* piece, std::size_t rounded) {
    const std::lock_guard lock(mutex);
    char*& first = free[rounded / kStep - 1];
    std::memcpy(piece, &first, sizeof first);
    first = piece;
  }
};

// Never destroyed: secrets with a static lifetime may go later than it would.
Pieces& pieces() {
  static auto& made = *new Pieces;
  return made;
}

std::size_t rounded(std::size_t size) { return (size + kStep - 1) / kStep * kStep; }

}  // namespace

char* LockedMemory::take(std::size_t size) {
  return size > kLargest ? map_pages(in_pages(size)) : pieces().take(rounded(size));
}

void LockedMemory::give(char* data, std::size_t size) noexcept {
  wipe(data, size);
  if (size > kLargest)
    unmap_pages(data, in_pages(size));
  else
    pieces().give(data, rounded(size));
}

bool LockedMemory::all_locked() { return !refused.load(std::memory_order_relaxed); }

}  // namespace headworks::base
