// WaitingRoom: the one waiting line of the data plane, for all loops. The line itself lives on one loop (its
// home); exchanges of other loops reach it, and are answered, by messages. Who is not kept waiting never comes
// here.
#pragma once

#include <atomic>
#include <coroutine>
#include <memory>
#include <unordered_map>

#include "net/event_loop.hpp"
#include "routing/waiting_line.hpp"

namespace headworks::gateway {

class WaitingRoom {
 public:
  // `home` must outlive close().
  explicit WaitingRoom(net::EventLoop& home);

  // From now on nothing is asked of the home loop any more. REQUIRES that no loop runs.
  void close();

  // All of these from any loop.
  void set_limits(const routing::WaitingLine::Limits& limits);
  // A place or a lease was given back: somebody may be waiting for it. Costs one load when nobody is.
  void poke() {
    if (busy_.load(std::memory_order_relaxed)) wake();
  }
  // How many wait, for metrics.
  std::size_t waiting() const { return waiting_.load(std::memory_order_relaxed); }

  // co_await turn, then turn.answer(). Owned by one exchange on one loop.
  class Turn {
   public:
    // The request's id is given by the room.
    Turn(WaitingRoom& room, net::EventLoop& loop, routing::WaitingLine::Request request);
    ~Turn();
    Turn(const Turn&) = delete;
    // The client left: the place in line is given up.
    void interrupt();
    bool await_ready() const { return false; }
    void await_suspend(std::coroutine_handle<> frame);
    void await_resume() const {}
    // Without a slot and a moment when it was interrupted.
    routing::WaitingLine::Answer& answer() { return shared_->answer; }

   private:
    friend class WaitingRoom;
    // Between the two loops; each touches what is its own until a message hands it over.
    struct Shared {
      net::EventLoop* loop = nullptr;
      std::shared_ptr<const void> keep;  // holds what the answer points into
      routing::WaitingLine::Answer answer;
      Turn* turn = nullptr;  // null: nobody waits any more. The exchange's loop only
    };
    void on_answer();

    WaitingRoom& room_;
    std::shared_ptr<Shared> shared_;
    routing::WaitingLine::Request request_;
    std::coroutine_handle<> frame_;
  };

 private:
  class Alarm final : public net::Timer {
   public:
    explicit Alarm(WaitingRoom& room) : room_(room) {}

   private:
    void on_expired() override { room_.advance(); }
    WaitingRoom& room_;
  };

  // On the home loop.
  void join(const routing::WaitingLine::Request& request, const std::shared_ptr<Turn::Shared>& shared);
  void leave(std::uint64_t id);
  void advance();
  void answer(routing::WaitingLine::Answer&& answer);
  void after_change();
  // Runs `job` there: at once when this is that loop.
  template <class Job>
  void at_home(Job job);
  void wake();

  net::EventLoop* home_;
  base::Random random_;
  routing::WaitingLine line_;
  std::unordered_map<std::uint64_t, std::shared_ptr<Turn::Shared>> turns_;
  std::unique_ptr<Alarm> alarm_;
  std::atomic<std::uint64_t> last_id_{0};
  std::atomic<bool> busy_{false};
  std::atomic<bool> poked_{false};
  std::atomic<std::size_t> waiting_{0};
};

}  // namespace headworks::gateway
