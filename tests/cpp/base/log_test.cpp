#include "base/log.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <future>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace headworks::base {
namespace {

constexpr WallTime kAt{std::chrono::milliseconds{1'769'851'800'125}};  // 2026-01-31T09:30:00.125Z
constexpr std::chrono::seconds kPatience{10};

std::string line_of(LogFormat format, std::string_view message, std::initializer_list<LogField> fields) {
  std::string out;
  append_log_line(out, format, kAt, LogLevel::info, message, {fields.begin(), fields.size()});
  return out;
}

TEST(LogLine, LooksLikeThis) {
  const std::initializer_list<LogField> fields = {
      {"status", 200},   {"model", "a b"}, {"key", "app"},
      {"seconds", 0.25}, {"stream", true}, {"bytes", std::uint64_t{1} << 63},
      {"offset", -5},    {"none", ""},     {"url", "http://h/v1?a=b"}};
  EXPECT_EQ(
      line_of(LogFormat::text, "exchange", fields),
      "2026-01-31T09:30:00.125Z info exchange status=200 model=\"a b\" key=app seconds=0.25 stream=true "
      "bytes=9223372036854775808 offset=-5 none=\"\" url=\"http://h/v1?a=b\"\n");
  EXPECT_EQ(
      line_of(LogFormat::json, "exchange", fields),
      "{\"time\":\"2026-01-31T09:30:00.125Z\",\"level\":\"info\",\"message\":\"exchange\",\"status\":200,"
      "\"model\":\"a b\",\"key\":\"app\",\"seconds\":0.25,\"stream\":true,\"bytes\":9223372036854775808,"
      "\"offset\":-5,\"none\":\"\",\"url\":\"http://h/v1?a=b\"}\n");
}

TEST(LogLine, StaysOneLineWhateverAFieldHolds) {
  struct Row {
    std::string value, expected;
  };
  const Row rows[] = {
      {"a\nb\r\tc", "a\\nb\\r\\tc"},
      {"\"quoted\\\"", "\\\"quoted\\\\\\\""},
      {std::string("\0\x1b[31m\x7f", 7), "\\u0000\\u001b[31m\\u007f"},
      {"\xc2\x9b"
       "31m",
       "\\u009b31m"},
      {"\xe2\x80\xa8\xe2\x80\xa9", "\\u2028\\u2029"},
      {"\xe2\x80\xae\xe2\x81\xa6", "\\u202e\\u2066"},
      {"\xe2\x80\xaf\xe2\x81\xaa", "\xe2\x80\xaf\xe2\x81\xaa"},
      {"\xc3\xa4\xf0\x9f\x98\x80", "\xc3\xa4\xf0\x9f\x98\x80"},
      {"\xff\xc3(\xed\xa0\x80\xc0\xaf",
       "\xef\xbf\xbd\xef\xbf\xbd(\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
      {"\xf0\x9f\x98", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"}};
  for (const Row& row : rows) {
    EXPECT_EQ(line_of(LogFormat::json, "m", {{"v", row.value}}),
              "{\"time\":\"2026-01-31T09:30:00.125Z\",\"level\":\"info\",\"message\":\"m\",\"v\":\"" +
                  row.expected + "\"}\n");
    EXPECT_EQ(line_of(LogFormat::text, row.value, {}),
              "2026-01-31T09:30:00.125Z info " + row.expected + "\n");
    const std::string text = line_of(LogFormat::text, "m", {{"v", row.value}});
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1);
  }
}

TEST(LogLine, CutsLongFieldsBetweenCharacters) {
  const std::string exact(kFieldCap, 'x');
  EXPECT_EQ(line_of(LogFormat::text, "m", {{"v", exact}}),
            "2026-01-31T09:30:00.125Z info m v=" + exact + "\n");
  EXPECT_EQ(line_of(LogFormat::text, "m", {{"v", exact + "y"}}),
            "2026-01-31T09:30:00.125Z info m v=\"" + exact + "\xe2\x80\xa6\"\n");
  const std::string odd = std::string(kFieldCap - 1, 'x') + "\xc3\xa4";  // would be cut in half
  EXPECT_EQ(line_of(LogFormat::text, "m", {{"v", odd}}),
            "2026-01-31T09:30:00.125Z info m v=\"" + std::string(kFieldCap - 1, 'x') + "\xe2\x80\xa6\"\n");
}

TEST(LogLine, KnowsDatesOutsideOurDecade) {
  std::string out;
  append_utc(out, WallTime{-std::chrono::milliseconds{1}});
  EXPECT_EQ(out, "1969-12-31T23:59:59.999Z");
}

TEST(LogNames, AreFoundAgain) {
  for (const LogLevel level : {LogLevel::debug, LogLevel::info, LogLevel::warn, LogLevel::error})
    EXPECT_EQ(find_log_level(name_of(level)), level);
  EXPECT_FALSE(find_log_level("loud"));
  EXPECT_EQ(find_log_format("json"), LogFormat::json);
  EXPECT_FALSE(find_log_format("xml"));
}

// A pipe whose two ends are closed at the end.
struct Pipe {
  Pipe() { EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0); }
  ~Pipe() { close(ends[0]), close(ends[1]); }
  std::string read_some() const {
    std::string text(1 << 16, '\0');
    const ssize_t count = read(ends[0], text.data(), text.size());
    text.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
    return text;
  }
  int ends[2]{};
};

TEST(Log, WritesLinesInOrderAboveItsLevel) {
  Pipe pipe;
  ManualClock clock(kAt);
  Log log({.level = LogLevel::info, .fd = pipe.ends[1]}, clock);
  log.log(LogLevel::debug, "not this");
  log.log(LogLevel::info, "first", {{"n", 1}});
  log.log(LogLevel::error, "second");
  log.set_level(LogLevel::error);
  EXPECT_FALSE(log.enabled(LogLevel::warn));
  log.log(LogLevel::warn, "nor this");
  ASSERT_TRUE(log.flush(kPatience));
  EXPECT_EQ(pipe.read_some(),
            "2026-01-31T09:30:00.125Z info first n=1\n2026-01-31T09:30:00.125Z error second\n");
  EXPECT_EQ(log.dropped(), 0U);
}

TEST(Log, ABlockedSinkNeverBlocksACallerAndDropsAreCounted) {
  SystemClock clock;
  std::promise<void> entered, release;
  std::vector<std::string> lines;
  std::once_flag once;
  {
    Log log({.format = LogFormat::json, .capacity = 8}, clock);
    log.set_sink([&, released = release.get_future().share()](std::string_view line) {
      std::call_once(once, [&] { entered.set_value(); });
      released.wait();
      lines.emplace_back(line);
    });
    log.log(LogLevel::info, "the one that blocks");
    entered.get_future().wait();
    for (int i = 0; i < 100; ++i) log.log(LogLevel::info, "more");
    EXPECT_EQ(log.dropped(), 92U);
    EXPECT_FALSE(log.flush(std::chrono::milliseconds{1}));
    release.set_value();
    ASSERT_TRUE(log.flush(kPatience));
    log.set_sink({});
  }
  ASSERT_EQ(lines.size(), 1U + 8U + 1U);
  EXPECT_NE(lines.back().find("\"message\":\"log lines dropped\",\"count\":92}"), std::string::npos);
}

TEST(Log, AFullPipeBlocksNeitherCallersNorTheEnd) {
  Pipe pipe;
  SystemClock clock;
  const auto start = std::chrono::steady_clock::now();
  {
    Log log({.fd = pipe.ends[1], .capacity = 1024}, clock);
    const std::string long_text(500, 'x');
    for (int i = 0; i < 3000; ++i) log.log(LogLevel::info, "much", {{"text", long_text}});
  }
  EXPECT_LT(std::chrono::steady_clock::now() - start, kPatience);
  const std::string text = pipe.read_some();
  EXPECT_EQ(text.substr(text.find(' '), 17), " info much text=x");
}

TEST(Log, AClosedPipeCostsLinesAndNothingElse) {
  SystemClock clock;
  Pipe pipe;
  close(pipe.ends[0]);
  pipe.ends[0] = -1;
  Log log({.fd = pipe.ends[1]}, clock);
  log.log(LogLevel::info, "into the void");
  ASSERT_TRUE(log.flush(kPatience));
  EXPECT_EQ(log.dropped(), 1U);
}

TEST(Log, EveryLineGoesThroughTheMask) {
  SystemClock clock;
  std::vector<std::string> lines;
  Log log({}, clock);
  log.set_mask([](std::string& line) {
    if (const std::size_t at = line.find("secret"); at != std::string::npos) line.replace(at, 6, "***");
  });
  log.set_sink([&](std::string_view line) { lines.emplace_back(line.substr(line.find("info"))); });
  log.log(LogLevel::info, "a secret");
  ASSERT_TRUE(log.flush(kPatience));
  log.set_mask({});
  log.log(LogLevel::info, "a secret");
  ASSERT_TRUE(log.flush(kPatience));
  log.set_sink({});
  EXPECT_EQ(lines, (std::vector<std::string>{"info a ***", "info a secret"}));
}

TEST(Log, ManyThreadsLoseNothingWhileThereIsRoom) {
  SystemClock clock;
  std::vector<std::string> lines;
  Log log({.capacity = 4096}, clock);
  log.set_sink([&](std::string_view line) { lines.emplace_back(line.substr(line.find("thread="))); });
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&, thread] {
      for (int n = 0; n < 500; ++n) log.log(LogLevel::info, "m", {{"thread", thread}, {"n", n}});
    });
  }
  for (std::thread& thread : threads) thread.join();
  ASSERT_TRUE(log.flush(kPatience));
  log.set_sink({});
  EXPECT_EQ(lines.size() + log.dropped(), 2000U);
  EXPECT_EQ(log.dropped(), 0U);
  int next[4]{};
  for (const std::string& line : lines) {
    const int thread = line[7] - '0';
    EXPECT_EQ(line, "thread=" + std::to_string(thread) + " n=" + std::to_string(next[thread]++));
  }
}

}  // namespace
}  // namespace headworks::base
