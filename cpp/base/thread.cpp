#include "base/thread.hpp"

#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

namespace headworks::base {
namespace {

// Weight 335 of 1024: a quarter of a core is left to them when loops want all of it, and they need a sixth.
constexpr int kBackgroundNice = 5;

}  // namespace

void begin_thread(const char* name, Urgency urgency) {
  ::pthread_setname_np(::pthread_self(), name);
  if (urgency == Urgency::background) ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), kBackgroundNice);
}

}  // namespace headworks::base
