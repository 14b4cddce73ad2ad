#include "telemetry/recorder.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>
#include <thread>
#include <vector>

#include "record_fixture.hpp"

namespace headworks::telemetry {
namespace {

constexpr std::chrono::hours kNever{1};

ExchangeRecord numbered(std::uint64_t number) {
  ExchangeRecord record;
  record.bytes_in = number;
  return record;
}

TEST(Recorder, HandsEveryRecordToEverySinkInOrder) {
  Recorder recorder({.loops = 1, .capacity = 4, .period = kNever});
  std::vector<std::pair<char, std::uint64_t>> seen;
  for (const char name : {'a', 'b'}) {
    recorder.add_sink([&seen, name](std::span<const ExchangeRecord> records) {
      for (const ExchangeRecord& record : records) seen.emplace_back(name, record.bytes_in);
    });
  }
  recorder.start();
  EXPECT_TRUE(recorder.record(0, numbered(1)));
  EXPECT_TRUE(recorder.record(0, numbered(2)));
  recorder.flush();
  const std::vector<std::pair<char, std::uint64_t>> expected{{'a', 1}, {'a', 2}, {'b', 1}, {'b', 2}};
  EXPECT_EQ(seen, expected);
}

TEST(Recorder, DrainsByItselfEachPeriod) {
  Recorder recorder({.period = std::chrono::milliseconds{1}});
  std::promise<std::uint64_t> arrived;
  recorder.add_sink([&](std::span<const ExchangeRecord> records) { arrived.set_value(records[0].bytes_in); });
  recorder.start();
  recorder.record(0, numbered(7));
  EXPECT_EQ(arrived.get_future().get(), 7U);
}

TEST(Recorder, StopHandsOverWhatIsLeft) {
  Recorder recorder({.period = kNever});
  std::size_t seen = 0;
  recorder.add_sink([&](std::span<const ExchangeRecord> records) { seen += records.size(); });
  recorder.start();
  for (int i = 0; i < 100; ++i) recorder.record(0, numbered(1));
  recorder.stop();
  EXPECT_EQ(seen, 100U);
}

TEST(Recorder, AHalfFullRingIsEmptiedAtOnce) {
  Recorder recorder({.capacity = 8, .period = kNever});
  std::promise<std::uint64_t> arrived;
  recorder.add_sink([&](std::span<const ExchangeRecord> records) {
    if (records.front().bytes_in == 0) arrived.set_value(records.size());
  });
  recorder.start();
  for (std::uint64_t n = 0; n < 5; ++n) recorder.record(0, numbered(n));
  EXPECT_GE(arrived.get_future().get(), 1U);
  EXPECT_EQ(recorder.dropped(), 0U);
}

TEST(Recorder, AFullRingDropsAndCountsAndNeverWaits) {
  Recorder recorder({.loops = 2, .capacity = 4, .period = kNever});
  std::promise<void> entered, release;
  std::vector<std::uint64_t> seen;
  recorder.add_sink([&, released = release.get_future().share()](std::span<const ExchangeRecord> records) {
    if (seen.empty()) entered.set_value(), released.wait();
    for (const ExchangeRecord& record : records) seen.push_back(record.bytes_in);
  });
  recorder.start();
  recorder.record(0, numbered(1));
  std::thread flusher([&] { recorder.flush(); });
  entered.get_future().wait();
  int kept = 0;
  for (std::uint64_t n = 2; n < 12; ++n) kept += recorder.record(0, numbered(n)) ? 1 : 0;
  EXPECT_EQ(kept, 3);  // four places, one of them in the sink's hands
  EXPECT_EQ(recorder.dropped(), 7U);
  EXPECT_TRUE(recorder.record(1, numbered(100)));
  release.set_value();
  flusher.join();
  recorder.flush();
  EXPECT_EQ(seen, (std::vector<std::uint64_t>{1, 100, 2, 3, 4}));
}

TEST(Recorder, LetsGoOfWhatARecordKeptAlive) {
  Recorder recorder({.period = kNever});
  recorder.start();
  auto snapshot = std::make_shared<int>(1);
  const std::weak_ptr<int> watch = snapshot;
  ExchangeRecord record;
  record.keep_alive = std::move(snapshot);
  recorder.record(0, std::move(record));
  EXPECT_FALSE(watch.expired());
  recorder.flush();
  EXPECT_TRUE(watch.expired());
}

TEST(Recorder, LosesNothingUnrecordedWithManyLoops) {
  constexpr std::uint32_t kLoops = 3;
  constexpr std::uint64_t kEach = 20'000;
  Recorder recorder({.loops = kLoops, .capacity = 64, .period = std::chrono::milliseconds{1}});
  std::vector<std::uint64_t> last(kLoops);
  std::uint64_t seen = 0;
  bool ordered = true;
  recorder.add_sink([&](std::span<const ExchangeRecord> records) {
    for (const ExchangeRecord& record : records) {
      ordered &= record.bytes_in > last[record.bytes_out];
      last[record.bytes_out] = record.bytes_in;
      ++seen;
    }
  });
  recorder.start();
  std::vector<std::thread> loops;
  for (std::uint32_t loop = 0; loop < kLoops; ++loop) {
    loops.emplace_back([&, loop] {
      for (std::uint64_t n = 1; n <= kEach; ++n) {
        ExchangeRecord record = numbered(n);
        record.bytes_out = loop;
        record.attempts.resize(n % 4);  // inline and allocated
        recorder.record(loop, std::move(record));
      }
    });
  }
  for (std::thread& loop : loops) loop.join();
  recorder.stop();
  EXPECT_TRUE(ordered);
  EXPECT_EQ(seen + recorder.dropped(), kLoops * kEach);
}

}  // namespace
}  // namespace headworks::telemetry
