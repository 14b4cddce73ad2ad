// SignalThread: TERM, INT, HUP and USR2 as calls on a thread of their own. The signals are blocked for the whole process
// while this object lives; make it before any other thread.
#pragma once

#include <functional>
#include <thread>

namespace headworks::app {

class SignalThread {
 public:
  struct Calls {
    std::function<void()> stop, reload, hand_over;  // TERM and INT; HUP; USR2
  };
  explicit SignalThread(Calls calls);
  ~SignalThread();
  SignalThread(const SignalThread&) = delete;
  SignalThread& operator=(const SignalThread&) = delete;

  // Blocks the signals on the calling thread, hence on all threads that it starts from now on.
  static void block();

 private:
  void run();
  Calls calls_;
  std::thread thread_;
};

}  // namespace headworks::app
