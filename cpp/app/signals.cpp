#include "app/signals.hpp"

#include <pthread.h>
#include <signal.h>

namespace headworks::app {
namespace {

// USR1 to the thread itself ends it.
sigset_t our_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2}) sigaddset(&signals, number);
  return signals;
}

}  // namespace

void SignalThread::block() {
  const sigset_t signals = our_signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
}

SignalThread::SignalThread(Calls calls) : calls_(std::move(calls)), thread_([this] { run(); }) {}

SignalThread::~SignalThread() {
  pthread_kill(thread_.native_handle(), SIGUSR1);
  thread_.join();
}

void SignalThread::run() {
  const sigset_t signals = our_signals();
  for (;;) {
    int number = 0;
    if (sigwait(&signals, &number) != 0) continue;
    if (number == SIGUSR1) return;
    if (number == SIGHUP) calls_.reload();
    else if (number == SIGUSR2) calls_.hand_over();
    else calls_.stop();
  }
}

}  // namespace headworks::app
