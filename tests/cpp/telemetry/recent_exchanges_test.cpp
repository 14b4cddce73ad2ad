#include "telemetry/recent_exchanges.hpp"

#include <gtest/gtest.h>

#include <string>

#include "record_fixture.hpp"

namespace headworks::telemetry {
namespace {

TEST(RecentExchanges, KeepsTheLastOnesNewestFirst) {
  RecentExchanges recent(3);
  EXPECT_EQ(recent.last_number(), 0U);
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    const ExchangeRecord record = sample_record(seed);
    recent.on_exchanges({&record, 1});
  }
  const auto all = recent.latest(100);
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[0].number, 5U);
  EXPECT_EQ(all[0].record->id, sample_record(5).id);
  EXPECT_EQ(all[2].number, 3U);
  EXPECT_EQ(recent.latest(1).size(), 1U);
  EXPECT_EQ(recent.latest(100, 4).size(), 1U);
  EXPECT_TRUE(recent.latest(100, 5).empty());
}

TEST(RecentExchanges, ABatchLargerThanTheRingCountsWhatItSkips) {
  RecentExchanges recent(2);
  std::vector<ExchangeRecord> records;
  for (std::uint64_t seed = 1; seed <= 5; ++seed) records.push_back(sample_record(seed));
  recent.on_exchanges(records);
  EXPECT_EQ(recent.last_number(), 5U);
  EXPECT_EQ(recent.latest(10)[1].record->id, records[3].id);
}

TEST(RecentExchanges, AreFoundByRequestId) {
  RecentExchanges recent(3);
  const ExchangeRecord record = sample_record(9);
  recent.on_exchanges({&record, 1});
  ASSERT_TRUE(recent.find(record.id.view()));
  EXPECT_EQ(recent.find(record.id.view())->attempts.size(), 2U);
  EXPECT_FALSE(recent.find("req_unknown"));
}

TEST(RecentExchanges, ThoseThatWentWrongAreFoundForLonger) {
  RecentExchanges recent(2);
  std::vector<ExchangeRecord> batch;
  for (std::uint64_t seed = 1; seed <= 6; ++seed) batch.push_back(sample_record(seed));
  batch[0].error = base::ErrorKind::all_backends_limited;
  recent.on_exchanges(batch);
  EXPECT_EQ(recent.latest(10).size(), 2u);
  EXPECT_EQ(recent.latest(10).front().number, 6u);
  EXPECT_NE(recent.find(batch[0].id.view()), nullptr);
  EXPECT_EQ(recent.find(batch[1].id.view()), nullptr);
}

TEST(RecentExchanges, OwnTheirTexts) {
  RecentExchanges recent(3);
  auto snapshot = std::make_shared<std::string>("a-backend-that-is-removed-later");
  const std::weak_ptr<std::string> watch = snapshot;
  {
    ExchangeRecord record = sample_record();
    record.attempts[1].backend = *snapshot;
    record.keep_alive = std::move(snapshot);
    recent.on_exchanges({&record, 1});
  }
  EXPECT_TRUE(watch.expired());
  const ExchangeRecord& kept = *recent.latest(1)[0].record;
  EXPECT_EQ(kept.attempts[1].backend, "a-backend-that-is-removed-later");
  EXPECT_EQ(kept.attempts[1].model_sent, "llama");
  EXPECT_EQ(kept.route, "/v1/chat/completions");
  EXPECT_EQ(kept.client_key, "app");
}

}  // namespace
}  // namespace headworks::telemetry
