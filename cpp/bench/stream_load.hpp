// Many streams, all asked for at one instant. See bench.hpp.
#pragma once

#include <deque>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "bench/bench.hpp"
#include "bench/lane.hpp"
#include "bench/stamp_scanner.hpp"
#include "bench/target.hpp"

namespace headworks::bench {

class StreamLoad {
 public:
  StreamLoad(const Options& options, Target target);
  Report run();

 private:
  struct Stream {
    explicit Stream(Poller& poller, const Target& target, std::uint32_t tag) : lane(poller, target, tag) {}
    Lane lane;
    StampScanner scanner;
    std::optional<std::uint64_t> name;  // of the upstream, from the first stamp
    std::uint64_t next_sequence = 0;
    bool started = false;
    bool over = false;
    bool line_ended = false;  // the last byte was a newline
  };

  void connect_all();
  void connect_next();
  void on_lane(std::uint32_t tag, std::uint32_t events);
  void on_bytes(Stream& stream);
  void on_stamp(Stream& stream, const Stamp& stamp, base::TimePoint now);
  void count_messages(Stream& stream);
  void end(Stream& stream, bool completed);
  void fail(Stream& stream, std::uint64_t Faults::* fault);

  const Options& options_;
  Target target_;
  Poller poller_;
  std::deque<Stream> streams_;
  std::string scratch_ = std::string(65'536, '\0');
  std::size_t next_connect_ = 0;
  std::size_t connecting_ = 0;
  std::size_t running_ = 0;
  bool steady_ = false;
  base::TimePoint sent_;
  Report report_;
};

}  // namespace headworks::bench
