// The log: one event, one line, as text or JSON, written by a thread of its own. A sink that blocks (a full
// pipe, a stopped terminal) never blocks a caller: lines beyond the bounded queue are counted and dropped.
//
// Whatever a field holds, a line stays a line: control characters, line separators and broken UTF-8 are
// escaped, and a field is cut after kFieldCap bytes. Must not know: what is logged; callers never pass
// secrets.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>

#include "base/clock.hpp"
#include "base/error.hpp"

namespace headworks::base {

std::string_view name_of(LogLevel level);  // debug | info | warn | error
std::optional<LogLevel> find_log_level(std::string_view name);

enum class LogFormat : std::uint8_t { text, json };
std::optional<LogFormat> find_log_format(std::string_view name);  // text | json

// One key and its value. Views: valid while the call lasts. Keys are ours: [a-z_]+.
struct LogField {
  using Value = std::variant<std::string_view, std::int64_t, std::uint64_t, double, bool>;

  template <class T>
  LogField(std::string_view name, const T& field) : key(name), value(value_of(field)) {}

  std::string_view key;
  Value value;

 private:
  template <class T>
  static Value value_of(const T& field) {
    if constexpr (std::is_same_v<T, bool>) {
      return field;
    } else if constexpr (std::is_floating_point_v<T>) {
      return static_cast<double>(field);
    } else if constexpr (std::is_integral_v<T> && std::is_signed_v<T>) {
      return static_cast<std::int64_t>(field);
    } else if constexpr (std::is_integral_v<T>) {
      return static_cast<std::uint64_t>(field);
    } else {
      return std::string_view(field);
    }
  }
};

inline constexpr std::size_t kFieldCap = 512;     // bytes of one value
inline constexpr std::size_t kMessageCap = 2048;  // bytes of the message

// Appends one line, newline included:
//   2026-01-31T09:30:00.125Z info exchange status=200 model="a b"
//   {"time":"2026-01-31T09:30:00.125Z","level":"info","message":"exchange","status":200,"model":"a b"}
void append_log_line(std::string& out, LogFormat format, WallTime at, LogLevel level,
                     std::string_view message, std::span<const LogField> fields);

// Appends "2026-01-31T09:30:00.125Z".
void append_utc(std::string& out, WallTime at);

// Thread-safe. Destruction writes what is queued, but waits no longer than a second for a sink that blocks.
class Log {
 public:
  struct Options {
    LogLevel level = LogLevel::info;
    LogFormat format = LogFormat::text;
    int fd = 2;                     // never closed
    std::uint32_t capacity = 4096;  // lines waiting; rounded up to a power of two
  };

  // `clock` must outlive the log.
  Log(Options options, const Clock& clock);
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  bool enabled(LogLevel level) const { return level >= level_.load(std::memory_order_relaxed); }
  void set_level(LogLevel level) { level_.store(level, std::memory_order_relaxed); }

  // Formats on the caller's thread, queues, returns: no lock, no system call.
  void log(LogLevel level, std::string_view message, std::initializer_list<LogField> fields = {});
  // The same for an event that happened at `at`.
  void log_at(WallTime at, LogLevel level, std::string_view message, std::span<const LogField> fields);

  // Lines (without newline) go to `sink` instead of the descriptor; an empty one gives the descriptor back.
  // Called on the log's thread only; must not throw or log. When this returns, the sink before is not running
  // any more.
  void set_sink(std::function<void(std::string_view line)> sink);

  // Every line goes through `mask` before it is written, which may change it but leaves it a line; an empty one ends
  // that. Called on the log's thread only; must not throw or log. When this returns, the one before is not running any
  // more.
  void set_mask(std::function<void(std::string& line)> mask);

  // Waits until everything logged before the call is written; false when that took longer than `limit`.
  bool flush(Duration limit);

  // Lines lost because the queue was full or the descriptor failed.
  std::uint64_t dropped() const;

 private:
  struct Parts;
  std::atomic<LogLevel> level_;
  const LogFormat format_;
  const Clock& clock_;
  std::unique_ptr<Parts> parts_;
};

}  // namespace headworks::base
