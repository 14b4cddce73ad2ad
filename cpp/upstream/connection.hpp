// One connection of the upstream: reads requests, asks the Director, plays what it says. Knows sockets and
// epoll, not scripts. Loop-owned.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "upstream/director.hpp"
#include "upstream/request_reader.hpp"
#include "upstream/tick_wheel.hpp"

namespace headworks::upstream {

class Connection;

// What the connections of one loop share.
struct Stage {
  explicit Stage(Script script, base::TimePoint start) : director(std::move(script)), wheel(start) {}

  int epoll = -1;
  Director director;
  TickWheel wheel;
  std::string receive_buffer = std::string(65'536, '\0');
  std::vector<Connection*> eager;  // have more to say at once, and let the others speak first
  std::vector<Connection*> gone;   // to be destroyed at the end of the turn
};

class Connection final : public TickTimer {
 public:
  // Takes the descriptor, which is non-blocking, and registers it. `ignored`: nothing is ever read or
  // answered.
  Connection(Stage& stage, int fd, std::uint64_t number, bool ignored);
  ~Connection() override;

  void on_events(std::uint32_t events);
  // The next turn of one that put itself among the eager.
  void on_turn();

 private:
  enum class Progress : std::uint8_t { advanced, blocked };

  void on_timer(base::TimePoint now) override;
  void receive();
  void work(std::string_view input);
  bool decide();

  void play();
  Progress play_part(Part& part);
  Progress play(WritePart& part);
  Progress play(PausePart& part);
  Progress play(DripPart& part);
  Progress play(StreamPart& part);
  Progress play(HangPart& part);
  void finish();
  void reset_when_sent();

  bool flush();
  void watch();
  void note_end(End end);
  void on_peer_gone(End end);
  void leave();

  Stage& stage_;
  int fd_;
  std::uint64_t number_;
  std::uint32_t watched_ = 0;
  RequestReader reader_;
  std::string unread_;  // came while an answer was being played
  bool ignored_;
  bool lingering_ = false;  // all is said; what comes is dropped
  bool gone_ = false;
  bool eager_ = false;    // among the eager
  bool greeted_ = false;  // the present request's head has been looked at

  // The present performance.
  bool playing_ = false;
  bool answered_ = false;  // the present request has been answered; its body may still be coming
  Performance performance_;
  std::size_t part_ = 0;
  std::optional<base::TimePoint> part_started_;
  std::size_t part_sent_ = 0;
  std::uint64_t request_number_ = 0;
  std::uint64_t written_ = 0;
  std::uint32_t reset_waits_ = 0;
  After stale_ = After::keep;

  std::string out_;
  std::size_t out_sent_ = 0;
};

}  // namespace headworks::upstream
