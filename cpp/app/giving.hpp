// Giving: the idle connections of this process on their way to the one that has taken over, by a thread of its own, so
// that no event loop waits for the other process. Thread-safe. Must not know: where they come from.
#pragma once

#include <condition_variable>
#include <mutex>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "app/channel.hpp"
#include "net/listener.hpp"

namespace headworks::app {

class Giving {
 public:
  using Given = std::vector<std::pair<std::string_view, int>>;  // kind (inherited.hpp) and descriptor

  Giving() = default;
  ~Giving();  // what was given is on its way by then
  Giving(const Giving&) = delete;

  // Takes what is of this kind, which has static storage. Must not be called after this object.
  net::Heir heir(std::string_view kind);
  // Until now it was kept; it goes there from now on. The channel must outlive this.
  void begin(Channel& channel);
  // What was kept, to be served here after all. REQUIRES that begin() was not called and no heir is asked any more.
  Given take_back() { return std::exchange(waiting_, {}); }

 private:
  void run(Channel& channel);

  std::mutex mutex_;
  std::condition_variable changed_;
  Given waiting_;          // protected by mutex_
  bool stopping_ = false;  // protected by mutex_
  std::thread thread_;
};

}  // namespace headworks::app
