// Recorder: carries finished exchanges from the event loops to whoever counts, logs or stores them.
//
// One bounded ring per loop, written by that loop alone; one thread that empties all rings every period, and at
// once when one is half full (the loop's only system call here, once in thousands of records). A loop never waits or
// locks: a full ring drops the record and counts it. Must not know: what the sinks do.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "base/clock.hpp"
#include "telemetry/exchange_record.hpp"

namespace headworks::telemetry {

class Recorder {
 public:
  // Called on the recorder's thread only, with records of one loop, oldest first. The records live for the
  // call. Must not throw.
  using Sink = std::function<void(std::span<const ExchangeRecord>)>;

  struct Options {
    std::uint32_t loops = 1;
    std::uint32_t capacity = 4096;  // records per loop; rounded up to a power of two
    base::Duration period = std::chrono::milliseconds{50};
  };

  explicit Recorder(Options options);
  // Stops as by stop().
  ~Recorder();
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;

  // Sinks are called in the order in which they were added. REQUIRES: not started.
  void add_sink(Sink sink);
  void start();
  // Hands over what is left and ends the thread. REQUIRES that no loop records any more.
  void stop();

  // Only ever from loop number `loop`. False when the record was dropped.
  bool record(std::uint32_t loop, ExchangeRecord&& record) noexcept;

  // Returns when everything recorded before the call has been through all sinks. Any thread but a loop or a
  // sink.
  void flush();

  // Records lost because a ring was full. Any thread.
  std::uint64_t dropped() const;

 private:
  class Ring;
  struct Worker;
  void drain();

  const base::Duration period_;
  std::vector<std::unique_ptr<Ring>> rings_;
  std::vector<Sink> sinks_;  // constant once started
  std::unique_ptr<Worker> worker_;
};

}  // namespace headworks::telemetry
