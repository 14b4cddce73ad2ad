#include "base/log.hpp"

#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <thread>
#include <vector>

#include "base/thread.hpp"

namespace headworks::base {
namespace {

constexpr std::array<std::string_view, 4> kLevels{"debug", "info", "warn", "error"};

// A write of at most this many bytes to a pipe that poll() calls writable does not block (POSIX PIPE_BUF).
constexpr std::size_t kChunk = 4096;
constexpr std::chrono::milliseconds kPollEvery{20};
constexpr std::chrono::seconds kFarewell{1};

// Length of the well-formed UTF-8 sequence at the front of `text` (RFC 3629); 0 when there is none.
std::size_t sequence_length(std::string_view text) {
  const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(text[at]); };
  const unsigned lead = byte(0);
  const std::size_t length = lead < 0x80   ? 1
                             : lead < 0xc2 ? 0
                             : lead < 0xe0 ? 2
                             : lead < 0xf0 ? 3
                             : lead < 0xf5 ? 4
                                           : 0;
  if (length == 0 || length > text.size()) return 0;
  for (std::size_t at = 1; at < length; ++at)
    if ((byte(at) & 0xc0U) != 0x80) return 0;
  const bool overlong = (lead == 0xe0 && byte(1) < 0xa0) || (lead == 0xf0 && byte(1) < 0x90);
  const bool outside = (lead == 0xed && byte(1) > 0x9f) || (lead == 0xf4 && byte(1) > 0x8f);
  return overlong || outside ? 0 : length;
}

void append_unicode_escape(std::string& out, unsigned code) {
  std::array<char, 8> text{};
  std::snprintf(text.data(), text.size(), "\\u%04x", code);
  out += text.data();
}

void append_ascii(std::string& out, char character) {
  switch (character) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      break;
  }
  const auto code = static_cast<unsigned char>(character);
  if (code < 0x20 || code == 0x7f) return append_unicode_escape(out, code);
  out += character;
}

// What a terminal or a line reader might act on: C1 controls, the Unicode line separators, and what turns the
// direction of the text (U+202A to U+202E, U+2066 to U+2069).
unsigned acting_code_point(std::string_view sequence) {
  const auto last = static_cast<unsigned char>(sequence.back());
  if (sequence.size() == 2 && sequence[0] == '\xc2' && last < 0xa0) return last;
  if (sequence.starts_with("\xe2\x80") && last >= 0xa8 && last <= 0xae) return 0x2000U + (last & 0x3fU);
  if (sequence.starts_with("\xe2\x81") && last >= 0xa6 && last <= 0xa9) return 0x2040U + (last & 0x3fU);
  return 0;
}

// JSON string escapes, which serve the text format too.
void append_escaped(std::string& out, std::string_view text, std::size_t cap) {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = sequence_length(text.substr(at));
    const std::size_t step = std::max<std::size_t>(length, 1);
    if (at + step > cap) {
      out += "\xe2\x80\xa6";  // an ellipsis
      return;
    }
    const std::string_view sequence = text.substr(at, step);
    if (length == 0) {
      out += "\xef\xbf\xbd";  // U+FFFD
    } else if (length == 1) {
      append_ascii(out, sequence.front());
    } else if (const unsigned code = acting_code_point(sequence); code != 0) {
      append_unicode_escape(out, code);
    } else {
      out += sequence;
    }
    at += step;
  }
}

void append_quoted(std::string& out, std::string_view text) {
  out += '"';
  append_escaped(out, text, kFieldCap);
  out += '"';
}

bool bare(std::string_view text) {
  return !text.empty() && text.size() <= kFieldCap &&
         std::all_of(text.begin(), text.end(), [](char character) {
           return character > ' ' && character < 0x7f && character != '"' && character != '=' &&
                  character != '\\';
         });
}

template <class Number>
void append_number(std::string& out, Number number) {
  std::array<char, 32> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), number).ptr;
  out.append(text.data(), end);
}

void append_value(std::string& out, LogFormat format, const LogField::Value& value) {
  if (const auto* text = std::get_if<std::string_view>(&value)) {
    if (format == LogFormat::text && bare(*text)) {
      out += *text;
    } else {
      append_quoted(out, *text);
    }
  } else if (const auto* truth = std::get_if<bool>(&value)) {
    out += *truth ? "true" : "false";
  } else if (const auto* real = std::get_if<double>(&value)) {
    if (std::isfinite(*real)) return append_number(out, *real);
    out += "null";  // JSON has no infinities
  } else if (const auto* whole = std::get_if<std::int64_t>(&value)) {
    append_number(out, *whole);
  } else {
    append_number(out, std::get<std::uint64_t>(value));
  }
}

}  // namespace

std::string_view name_of(LogLevel level) { return kLevels[static_cast<std::size_t>(level)]; }

std::optional<LogLevel> find_log_level(std::string_view name) {
  const auto found = std::find(kLevels.begin(), kLevels.end(), name);
  if (found == kLevels.end()) return std::nullopt;
  return static_cast<LogLevel>(found - kLevels.begin());
}

std::optional<LogFormat> find_log_format(std::string_view name) {
  if (name == "text") return LogFormat::text;
  if (name == "json") return LogFormat::json;
  return std::nullopt;
}

void append_utc(std::string& out, WallTime at) {
  const auto day = std::chrono::floor<std::chrono::days>(at);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss time{std::chrono::floor<std::chrono::milliseconds>(at - day)};
  std::array<char, 64> text{};
  const int size = std::snprintf(
      text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ", static_cast<int>(date.year()),
      static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
      static_cast<int>(time.hours().count()), static_cast<int>(time.minutes().count()),
      static_cast<int>(time.seconds().count()), static_cast<int>(time.subseconds().count()));
  out.append(text.data(), static_cast<std::size_t>(size));
}

void append_log_line(std::string& out, LogFormat format, WallTime at, LogLevel level,
                     std::string_view message, std::span<const LogField> fields) {
  const bool json = format == LogFormat::json;
  if (json) out += "{\"time\":\"";
  append_utc(out, at);
  out += json ? "\",\"level\":\"" : " ";
  out += name_of(level);
  out += json ? "\",\"message\":\"" : " ";
  append_escaped(out, message, kMessageCap);
  if (json) out += '"';
  for (const LogField& field : fields) {
    out += json ? ",\"" : " ";
    out += field.key;
    out += json ? "\":" : "=";
    append_value(out, format, field.value);
  }
  out += json ? "}\n" : "\n";
}

// The queue is Dmitry Vyukov's bounded MPMC queue, of which one consumer is used: a cell's `turn` says
// whether it waits for the producer or for the consumer of this round.
struct Log::Parts {
  struct Cell {
    std::atomic<std::uint64_t> turn{0};
    std::string line;
  };

  Parts(const Options& options, const Clock& log_clock)
      : clock(log_clock),
        format(options.format),
        fd(options.fd),
        cells(std::bit_ceil(std::max(options.capacity, 2U))) {
    for (std::size_t at = 0; at < cells.size(); ++at) cells[at].turn.store(at, std::memory_order_relaxed);
    thread = std::thread([this] {
      begin_thread("hw-log", Urgency::background);
      run();
    });
  }

  void push(std::string&& line) {
    std::uint64_t at = pushed.load(std::memory_order_relaxed);
    for (;;) {
      Cell& cell = cells[at & (cells.size() - 1)];
      const std::uint64_t turn = cell.turn.load(std::memory_order_acquire);
      if (turn == at) {
        if (!pushed.compare_exchange_weak(at, at + 1, std::memory_order_relaxed)) continue;
        cell.line = std::move(line);
        cell.turn.store(at + 1, std::memory_order_release);
        return;
      }
      if (turn < at) {  // still the line of the round before
        dropped.fetch_add(1, std::memory_order_relaxed);
        return;
      }
      at = pushed.load(std::memory_order_relaxed);
    }
  }

  // The log's thread only.
  bool pop(std::string& line) {
    Cell& cell = cells[popped & (cells.size() - 1)];
    if (cell.turn.load(std::memory_order_acquire) != popped + 1) return false;
    line = std::move(cell.line);
    cell.line.clear();
    cell.turn.store(popped + cells.size(), std::memory_order_release);
    ++popped;
    return true;
  }

  void run() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, nullptr);  // signals are main's; and a closed pipe must not kill us
    for (;;) {
      const bool last = stopping.load(std::memory_order_acquire);
      drain();
      std::unique_lock lock(mutex);
      written = popped;
      progress.notify_all();
      if (last) return;
      wake.wait_for(lock, kPollEvery,
                    [this] { return stopping.load(std::memory_order_relaxed) || flushing; });
      flushing = false;
    }
  }

  void drain() {
    std::string line, chunk;
    std::uint64_t lines = 0;
    while (pop(line)) {
      if (give_to_sink(line)) continue;
      if (chunk.size() + line.size() > kChunk) write_out(chunk, lines);
      chunk += line;
      ++lines;
    }
    write_out(chunk, lines);
    report_drops();
  }

  bool give_to_sink(std::string& line) {
    const std::lock_guard lock(sink_mutex);
    if (mask) mask(line);
    if (!sink) return false;
    sink(std::string_view(line).substr(0, line.size() - 1));
    return true;
  }

  // Writes and empties `chunk`. Gives up when the descriptor fails, or blocks while the log is being
  // destroyed.
  void write_out(std::string& chunk, std::uint64_t& lines) {
    std::size_t done = 0;
    while (done < chunk.size()) {
      const bool hopeless =
          stopping.load(std::memory_order_acquire) && std::chrono::steady_clock::now() > give_up_at;
      pollfd waiting{.fd = fd, .events = POLLOUT, .revents = 0};
      const int ready = poll(&waiting, 1, hopeless ? 0 : static_cast<int>(kPollEvery.count()));
      if (ready <= 0 && hopeless) break;
      if (ready <= 0) continue;
      const ssize_t count = ::write(fd, chunk.data() + done, std::min(kChunk, chunk.size() - done));
      if (count >= 0) {
        done += static_cast<std::size_t>(count);
      } else if (errno != EINTR && errno != EAGAIN) {
        break;
      }
    }
    if (done < chunk.size()) dropped.fetch_add(lines, std::memory_order_relaxed);
    chunk.clear();
    lines = 0;
  }

  void report_drops() {
    const std::uint64_t now_dropped = dropped.load(std::memory_order_relaxed);
    if (now_dropped == reported) return;
    std::string line;
    std::uint64_t none = 0;
    const LogField fields[] = {{"count", now_dropped - reported}};
    append_log_line(line, format, clock.wall(), LogLevel::warn, "log lines dropped", fields);
    reported = now_dropped;
    if (!give_to_sink(line)) write_out(line, none);
  }

  const Clock& clock;
  const LogFormat format;
  const int fd;
  std::vector<Cell> cells;
  alignas(64) std::atomic<std::uint64_t> pushed{0};
  alignas(64) std::atomic<std::uint64_t> dropped{0};
  std::uint64_t popped = 0;    // the log's thread only
  std::uint64_t reported = 0;  // the log's thread only
  std::atomic<bool> stopping{false};
  std::chrono::steady_clock::time_point give_up_at{};  // written before `stopping`

  std::mutex mutex;
  std::condition_variable wake, progress;
  bool flushing = false;      // protected by mutex
  std::uint64_t written = 0;  // protected by mutex

  std::mutex sink_mutex;
  std::function<void(std::string_view)> sink;  // protected by sink_mutex
  std::function<void(std::string&)> mask;      // protected by sink_mutex
  std::thread thread;                          // last: runs while the others live
};

Log::Log(Options options, const Clock& clock)
    : level_(options.level),
      format_(options.format),
      clock_(clock),
      parts_(std::make_unique<Parts>(options, clock)) {}

Log::~Log() {
  {
    const std::lock_guard lock(parts_->mutex);
    parts_->give_up_at = std::chrono::steady_clock::now() + kFarewell;
    parts_->stopping.store(true, std::memory_order_release);
  }
  parts_->wake.notify_all();
  parts_->thread.join();
}

void Log::log(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) {
  if (enabled(level)) log_at(clock_.wall(), level, message, {fields.begin(), fields.size()});
}

void Log::log_at(WallTime at, LogLevel level, std::string_view message, std::span<const LogField> fields) {
  if (!enabled(level)) return;
  std::string line;
  append_log_line(line, format_, at, level, message, fields);
  parts_->push(std::move(line));
}

void Log::set_sink(std::function<void(std::string_view line)> sink) {
  const std::lock_guard lock(parts_->sink_mutex);
  parts_->sink = std::move(sink);
}

void Log::set_mask(std::function<void(std::string& line)> mask) {
  const std::lock_guard lock(parts_->sink_mutex);
  parts_->mask = std::move(mask);
}

bool Log::flush(Duration limit) {
  const std::uint64_t target = parts_->pushed.load(std::memory_order_relaxed);
  std::unique_lock lock(parts_->mutex);
  parts_->flushing = true;
  parts_->wake.notify_all();
  return parts_->progress.wait_for(lock, limit, [&] { return parts_->written >= target; });
}

std::uint64_t Log::dropped() const { return parts_->dropped.load(std::memory_order_relaxed); }

}  // namespace headworks::base
