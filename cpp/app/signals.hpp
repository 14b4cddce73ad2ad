// SignalThread: TERM, INT and HUP as calls on a thread of their own. The signals are blocked for the whole process
// while this object lives; make it before any other thread.
#pragma once

#include <functional>
#include <thread>

namespace headworks::app {

class SignalThread {
 public:
  SignalThread(std::function<void()> on_stop, std::function<void()> on_reload);
  ~SignalThread();
  SignalThread(const SignalThread&) = delete;
  SignalThread& operator=(const SignalThread&) = delete;

  // Blocks the signals on the calling thread, hence on all threads that it starts from now on.
  static void block();

 private:
  void run();
  std::function<void()> on_stop_, on_reload_;
  std::thread thread_;
};

}  // namespace headworks::app
