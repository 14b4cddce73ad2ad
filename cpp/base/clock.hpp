// Time as an injected value. Machines receive a TimePoint; only shells own a Clock.
// Durations and deadlines are steady; wall time is for rows, logs and dates of other people.
#pragma once

#include <chrono>

namespace headworks::base {

using Duration = std::chrono::nanoseconds;
using TimePoint = std::chrono::time_point<std::chrono::steady_clock, Duration>;
using WallTime = std::chrono::time_point<std::chrono::system_clock, std::chrono::nanoseconds>;

// Value type: a pair of functions' results at one instant. Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual TimePoint now() const = 0;
  virtual WallTime wall() const = 0;
};

class SystemClock final : public Clock {
 public:
  TimePoint now() const override { return std::chrono::steady_clock::now(); }
  WallTime wall() const override { return std::chrono::system_clock::now(); }
};

// For tests and simulation: moves only when told to. Not thread-safe.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(WallTime start = WallTime{std::chrono::seconds{1'700'000'000}}) : wall_(start) {}
  TimePoint now() const override { return now_; }
  WallTime wall() const override { return wall_; }
  void advance(Duration by) { now_ += by, wall_ += by; }

 private:
  TimePoint now_{std::chrono::hours{1}};
  WallTime wall_;
};

}  // namespace headworks::base
