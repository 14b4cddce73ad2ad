// For wheels alone (HEADWORKS_STATIC_RUNTIME): what the static C++ library asks of a younger C library than
// manylinux_2_34 has. With it here, the wheel does not ask.
#include <sys/random.h>

#include <cstdint>
#include <cstdlib>

extern "C" [[gnu::visibility("hidden")]] std::uint32_t arc4random() noexcept {
  std::uint32_t number = 0;
  if (::getentropy(&number, sizeof number) != 0) std::abort();
  return number;
}
