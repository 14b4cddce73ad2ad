// What a thread of ours is called (in `top -H`, in a debugger) and how urgent it is.
#pragma once

#include <cstdint>

namespace headworks::base {

enum class Urgency : std::uint8_t {
  normal,      // somebody waits for what it does
  background,  // records, rows, log lines: on a busy machine they yield to the event loops
};

// For the calling thread, at its beginning. `name`: up to 15 characters. Never fails: both are advice to the system.
void begin_thread(const char* name, Urgency urgency);

}  // namespace headworks::base
