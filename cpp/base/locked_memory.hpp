// LockedMemory: where secrets live. Its pages are not swapped out (mlock), are in no core dump (MADV_DONTDUMP), lie
// between guard pages, and what is given back is wiped. Thread-safe; never on a request's path. Must not know: what is
// kept there.
#pragma once

#include <cstddef>

namespace headworks::base {

class LockedMemory {
 public:
  // Throws std::bad_alloc when the system has no memory left. REQUIRES size > 0.
  static char* take(std::size_t size);
  // REQUIRES that `data` came from take(size).
  static void give(char* data, std::size_t size) noexcept;

  // False when the system refused to lock a page: `ulimit -l` is too small. The memory is used all the same.
  static bool all_locked();
};

}  // namespace headworks::base
