// EventLoop: one thread's readiness loop over Linux epoll, edge-triggered. A descriptor is registered once, for
// everything, when it is born; after that readiness is remembered in user space, so that a request costs the four
// system calls it must (two reads, two writes) and a share of one wait. See decisions/0001-readiness-loop.md.
//
// Loop-owned but for post() and stop(), which any thread may call.
#pragma once

#include <atomic>
#include <coroutine>
#include <cstdint>
#include <functional>
#include <mutex>
#include <vector>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/random.hpp"
#include "net/buffer_pool.hpp"
#include "net/task.hpp"
#include "net/text_pool.hpp"
#include "net/timer_wheel.hpp"

struct epoll_event;

namespace headworks::net {

// What a descriptor's owner hears. Events are level-free hints: "try again", never "there are n bytes".
class Pollable {
 public:
  struct Readiness {
    bool readable = false;
    bool writable = false;
    bool peer_closed = false;  // FIN, RST or error: nothing more will be written to us
  };
  virtual void on_ready(Readiness readiness) = 0;

 protected:
  ~Pollable() = default;
};

class EventLoop {
 public:
  // `log` must outlive the loop.
  EventLoop(std::uint32_t index, std::uint64_t seed, base::Log& log);
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;
  ~EventLoop();

  // Runs until stop(). The calling thread becomes the owner of everything that lives on the loop.
  void run();
  void stop();

  // Runs `job` on the loop's thread, soon. Thread-safe; the job is dropped when the loop has ended.
  void post(std::function<void()> job);
  bool on_this_thread() const { return current() == this; }
  static EventLoop* current();

  // Resumes `frame` from the loop itself, after the event that is being handled: for wake-ups that must not nest.
  void resume_later(std::coroutine_handle<> frame) { ready_.push_back(frame); }
  // Forgets a wake-up whose frame is about to be destroyed.
  void forget(std::coroutine_handle<> frame);

  // Registers `fd` for all events, edge-triggered, until unwatch(). 0, or errno.
  int watch(int fd, Pollable& pollable);
  // Before `pollable` goes: no event reaches it any more, also of this turn. To close `fd` would not do: epoll watches until
  // the last copy is closed, and a child process has one of everything from its fork to its exec.
  void unwatch(int fd, Pollable& pollable);

  // The time of the current turn: read once per wake-up, which is what a clock costs here.
  base::TimePoint now() const { return now_; }
  base::WallTime wall() const { return base::WallTime{wall_offset_ + now_.time_since_epoch()}; }
  // A fresh reading for the few places that must not be a turn late.
  base::TimePoint refresh_now();

  TimerWheel& wheel() { return wheel_; }
  BufferPool& buffers() { return buffers_; }
  TextPool& texts() { return texts_; }
  base::Random& random() { return random_; }
  TaskGroup& tasks() { return tasks_; }
  base::Log& log() { return log_; }
  std::uint32_t index() const { return index_; }

  // How late the loop's own once-a-second timer was at worst since the last call. Thread-safe.
  base::Duration take_lag() { return base::Duration{lag_.exchange(0, std::memory_order_relaxed)}; }

 private:
  class LagProbe final : public Timer {
   public:
    explicit LagProbe(EventLoop& loop) : loop_(loop) {}
    void start();

   private:
    void on_expired() override;
    EventLoop& loop_;
    base::TimePoint due_{};
  };

  void run_posted();
  void resume_ready();
  void dispatch(const epoll_event* events, int count);
  int wait_milliseconds() const;

  const std::uint32_t index_;
  base::Log& log_;
  base::TimePoint now_;
  base::Duration wall_offset_{};
  base::TimePoint wall_read_{};
  TimerWheel wheel_;
  BufferPool buffers_;
  TextPool texts_;
  base::Random random_;
  int epoll_ = -1;
  int wake_ = -1;  // eventfd
  std::vector<std::coroutine_handle<>> ready_;
  std::vector<epoll_event> events_;
  int dispatched_ = 0;  // events of this turn: those before it are done
  int dispatch_count_ = 0;
  LagProbe lag_probe_{*this};
  std::atomic<std::int64_t> lag_{0};
  std::atomic<bool> stopping_{false};

  std::mutex mutex_;  // guards posted_
  std::vector<std::function<void()>> posted_;

  TaskGroup tasks_;  // last: its frames use everything above
};

// co_await Sleep(loop, until): resumes at or after `until`, or at once after interrupt(). Resumes exactly once.
class Sleep final : private Timer {
 public:
  Sleep(EventLoop& loop, base::TimePoint until) : loop_(loop), until_(until) {}
  ~Sleep() override {
    if (waiting_) loop_.forget(waiting_);
  }
  void interrupt() {
    disarm();
    wake();
  }
  bool await_ready() const { return until_ <= loop_.now() || woken_; }
  void await_suspend(std::coroutine_handle<> frame) {
    waiting_ = frame;
    arm(loop_.wheel(), until_);
  }
  void await_resume() { waiting_ = {}; }

 private:
  void on_expired() override { wake(); }
  void wake() {
    if (!woken_ && waiting_) loop_.resume_later(waiting_);
    woken_ = true;
  }
  EventLoop& loop_;
  base::TimePoint until_;
  std::coroutine_handle<> waiting_;
  bool woken_ = false;
};

}  // namespace headworks::net
