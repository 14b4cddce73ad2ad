#include "store/usage_writer.hpp"

#include <array>
#include <future>

#include "store/attempts_table.hpp"
#include "store/retention.hpp"
#include "store_fixture.hpp"

namespace headworks::store {
namespace {

using telemetry::AttemptRecord;
using telemetry::ExchangeRecord;

constexpr std::chrono::seconds kPatience{10};

class Ledger : public StoreTest {
 protected:
  std::unique_ptr<UsageWriter> writer(std::uint32_t backlog = 50'000) {
    return UsageWriter::start({.path = path("usage.db"),
                               .backlog = backlog,
                               .retry_first = std::chrono::milliseconds{1},
                               .retry_cap = std::chrono::milliseconds{10},
                               .busy_timeout = std::chrono::milliseconds{1}})
        .value();
  }
  ExchangeRecord record(std::uint32_t attempts = 1) {
    ExchangeRecord made;
    clock_.advance(std::chrono::milliseconds{1});
    made.started = clock_.wall();
    made.id = base::RequestId(random_, made.started);
    made.route = "/v1/chat/completions";
    made.client_key_id = "key_1", made.client_key = "app", made.model = "llama-70b";
    made.status = 200;
    for (std::uint32_t number = 0; number < attempts; ++number) {
      AttemptRecord& attempt = made.attempts.emplace_back();
      attempt.backend_id = "bkd_1", attempt.backend = "nim-1", attempt.pool = "primary";
      attempt.model_sent = "meta/llama";
      attempt.status = number + 1 == attempts ? 200 : 429;
      if (number + 1 != attempts) attempt.error = base::ErrorKind::upstream_error;
    }
    return made;
  }
  std::int64_t count(std::string_view sql) {
    return open_reader(path("usage.db"), std::chrono::milliseconds{50}).find_integer(sql).value();
  }

  base::Random random_{1};
};

TEST_F(Ledger, HasOneRowPerAttemptWithEverything) {
  auto ledger = writer();
  ExchangeRecord made = record(2);
  made.total = std::chrono::milliseconds{5}, made.overhead = std::chrono::microseconds{40};
  made.queue_wait = std::chrono::microseconds{7}, made.stream = true, made.bytes_in = 100,
  made.bytes_out = 200, made.revision = 9;
  std::copy_n("up-1", 5, made.upstream_request_id.begin());
  AttemptRecord& last = made.attempts[1];
  last.reused_connection = true, last.connect = std::chrono::microseconds{1},
  last.first_byte = std::chrono::microseconds{2};
  last.total = std::chrono::microseconds{3};
  last.usage = {.input_tokens = 10,
                .output_tokens = 20,
                .cached_input_tokens = 3,
                .cache_write_tokens = 4,
                .reasoning_tokens = 5,
                .source = base::UsageSource::reported};
  last.cost.value = 77;
  ledger->accept({&made, 1});
  ASSERT_TRUE(ledger->flush(kPatience));
  EXPECT_EQ(ledger->written(), 2u);
  Connection reader = open_reader(path("usage.db"), std::chrono::milliseconds{50});
  Query row = reader.query("SELECT * FROM attempts ORDER BY attempt");
  const auto line = [&] {
    std::string text;
    for (int column = 0; column < row.columns(); ++column)
      text += (column == 0 ? "" : "|") + (row.is_null(column) ? "-" : row.string(column));
    return text;
  };
  const std::string head = "1700000000001000|" + std::string(made.id.view()) + "|";
  constexpr const char* kExchange = "|/v1/chat/completions|key_1|app|llama-70b|1|200|-|5000|40|7|100|200|";
  ASSERT_TRUE(row.next());
  EXPECT_EQ(line(), head + "1|0" + kExchange +
                        "-|bkd_1|nim-1|primary|meta/llama|429|upstream_error|0|0|0|0|0|0|0|0|0|none|0|0|-|9");
  ASSERT_TRUE(row.next());
  EXPECT_EQ(line(), head + "2|1" + kExchange +
                        "up-1|bkd_1|nim-1|primary|meta/llama|200|-|1|1|2|3|10|20|3|4|5|reported|77|0|-|9");
  EXPECT_FALSE(row.next());
}

TEST_F(Ledger, AnExchangeIsFoundByItsIdAsItWas) {
  auto ledger = writer();
  ExchangeRecord made = record(2);
  made.total = std::chrono::milliseconds{5}, made.queue_wait = std::chrono::microseconds{7}, made.stream = true;
  made.error = base::ErrorKind::upstream_reset;
  std::copy_n("up-1", 5, made.upstream_request_id.begin());
  AttemptRecord& first = made.attempts[0];
  first.started = std::chrono::microseconds{11};
  made.attempts[1].usage = {.input_tokens = 10, .output_tokens = 20, .source = base::UsageSource::estimated};
  using telemetry::PlanStep;
  made.plan = {{.backend = "a \"quoted\" name", .pool = "primary", .why = "cooling", .score = 0.1F},
               {.count = 12, .why = "bucket"},
               {.kind = PlanStep::Kind::failed, .why = "status_429", .lasted = std::chrono::seconds{2},
                .cooled_scope = "model", .cooled_source = "header"},
               {.kind = PlanStep::Kind::waited, .attempts_before = 1, .why = "turn", .lasted = std::chrono::milliseconds{250}}};
  const std::vector<ExchangeRecord> all = {record(), made, record()};
  ledger->accept(all);
  ASSERT_TRUE(ledger->flush(kPatience));
  Connection reader = open_reader(path("usage.db"), std::chrono::milliseconds{50});
  AttemptsTable table(reader);
  const auto found = table.find(made.id.view());
  ASSERT_TRUE(found);
  EXPECT_EQ(found->id, made.id);
  EXPECT_EQ(found->started, made.started);
  EXPECT_EQ(found->total, made.total);
  EXPECT_EQ(found->error, made.error);
  EXPECT_EQ(found->client_key, "app");
  EXPECT_STREQ(found->upstream_request_id.data(), "up-1");
  ASSERT_EQ(found->attempts.size(), 2u);
  EXPECT_EQ(found->attempts[0].started, first.started);
  EXPECT_EQ(found->attempts[0].error, base::ErrorKind::upstream_error);
  EXPECT_EQ(found->attempts[1].usage.output_tokens, 20u);
  EXPECT_EQ(found->attempts[1].usage.source, base::UsageSource::estimated);
  ASSERT_EQ(found->plan.size(), 4u);
  EXPECT_EQ(found->plan[0].backend, "a \"quoted\" name");
  EXPECT_EQ(found->plan[0].why, "cooling");
  EXPECT_FLOAT_EQ(found->plan[0].score, 0.1F);
  EXPECT_EQ(found->plan[1].count, 12u);
  EXPECT_EQ(found->plan[2].kind, PlanStep::Kind::failed);
  EXPECT_EQ(found->plan[2].lasted, made.plan[2].lasted);
  EXPECT_EQ(found->plan[2].cooled_scope, "model");
  EXPECT_EQ(found->plan[2].cooled_source, "header");
  EXPECT_EQ(found->plan[3].lasted, made.plan[3].lasted);
  EXPECT_EQ(found->plan[3].attempts_before, 1);
  EXPECT_FALSE(table.find(record().id.view()));
  EXPECT_FALSE(table.find("req_nonsense"));
}

TEST_F(Ledger, ARowIsWrittenOnceHoweverOftenItComes) {
  auto ledger = writer();
  const ExchangeRecord made = record(3);
  for (int time = 0; time < 5; ++time) ledger->accept({&made, 1});
  ASSERT_TRUE(ledger->flush(kPatience));
  EXPECT_EQ(ledger->written(), 3u);
  EXPECT_EQ(count("SELECT count(*) FROM attempts"), 3);
}

TEST_F(Ledger, AnExchangeWithoutAnAttemptHasNoRow) {
  auto ledger = writer();
  const ExchangeRecord made = record(0);
  ledger->accept({&made, 1});
  ASSERT_TRUE(ledger->flush(kPatience));
  EXPECT_EQ(count("SELECT count(*) FROM attempts"), 0);
}

TEST_F(Ledger, KeepsAliveWhatTheRecordsPointInto) {
  auto names = std::make_shared<std::string>("a model whose name is long enough to live on the heap");
  auto ledger = writer();
  std::weak_ptr<std::string> watched = names;
  {
    ExchangeRecord made = record();
    made.model = *names;
    made.keep_alive = std::move(names);
    ledger->accept({&made, 1});
  }
  ASSERT_TRUE(ledger->flush(kPatience));
  EXPECT_EQ(count("SELECT count(*) FROM attempts WHERE model LIKE 'a model whose%heap'"), 1);
  ledger.reset();
  EXPECT_TRUE(watched.expired());
}

TEST_F(Ledger, HealsAfterALockAndLosesNothing) {
  auto ledger = writer();
  Connection other =
      Connection::open(path("usage.db"), Connection::Mode::writer, std::chrono::milliseconds{50});
  other.execute("BEGIN IMMEDIATE");
  const ExchangeRecord first = record(), second = record(2);
  ledger->accept({&first, 1});
  while (ledger->failure().empty()) std::this_thread::yield();
  EXPECT_NE(ledger->failure().find("locked"), std::string::npos);
  ledger->accept({&second, 1});
  EXPECT_GT(ledger->lag(), base::Duration::zero());
  EXPECT_FALSE(ledger->flush(std::chrono::milliseconds{1}));
  other.execute("ROLLBACK");
  ASSERT_TRUE(ledger->flush(kPatience));
  EXPECT_EQ(ledger->written(), 3u);
  EXPECT_EQ(ledger->dropped(), 0u);
  EXPECT_EQ(ledger->lag(), base::Duration::zero());
  EXPECT_EQ(ledger->failure(), "");
}

TEST_F(Ledger, HealsAfterAFullDisk) {
  auto ledger = writer();
  const auto limit_pages = [&](const char* pragma) {
    ledger->writer().run([pragma](Connection& db) { db.execute(pragma); }).value();
  };
  limit_pages("PRAGMA max_page_count=1");  // SQLite takes the present size instead: not one page more
  std::vector<ExchangeRecord> many;  // more than fit into the pages that are there
  for (int number = 0; number < 1000; ++number) many.push_back(record());
  ledger->accept(many);
  while (ledger->failure().empty()) std::this_thread::yield();
  EXPECT_NE(ledger->failure().find("the disk is full"), std::string::npos) << ledger->failure();
  EXPECT_EQ(count("SELECT count(*) FROM attempts"), 0) << "a batch is written whole or not at all";
  limit_pages("PRAGMA max_page_count=100000");
  ASSERT_TRUE(ledger->flush(kPatience));
  EXPECT_EQ(count("SELECT count(*) FROM attempts"), 1000);
  EXPECT_EQ(ledger->dropped(), 0u);
}

TEST_F(Ledger, TheBacklogIsBoundedAndDropsAreCountedExactly) {
  auto ledger = writer(10);
  Connection other =
      Connection::open(path("usage.db"), Connection::Mode::writer, std::chrono::milliseconds{50});
  other.execute("BEGIN IMMEDIATE");
  for (int number = 0; number < 25; ++number) {
    const ExchangeRecord made = record();
    ledger->accept({&made, 1});
  }
  EXPECT_EQ(ledger->dropped(), 15u);
  other.execute("ROLLBACK");
  ASSERT_TRUE(ledger->flush(kPatience));
  EXPECT_EQ(count("SELECT count(*) FROM attempts"), 10);
}

// A server that hands over, and the one that takes over: each has a connection, and a memory of names and sums.
TEST_F(Ledger, TwoWritersShareAFileAndItsSums) {
  std::array ledgers{writer(), writer()};
  constexpr std::uint32_t kRounds = 20;
  for (std::uint32_t round = 0; round < kRounds; ++round) {
    for (const auto& ledger : ledgers) {
      ExchangeRecord made = record();
      const std::string model = "model-" + std::to_string(round % 3);
      made.model = model;
      ledger->accept({&made, 1});
      ASSERT_TRUE(ledger->flush(kPatience));
    }
  }
  for (const auto& ledger : ledgers) {
    std::promise<bool> summed;
    ASSERT_TRUE(ledger->post_sum([&summed](base::Result<bool> sum) { summed.set_value(sum.has_value()); }));
    EXPECT_TRUE(summed.get_future().get());
  }
  EXPECT_EQ(count("SELECT count(*) FROM attempts"), 2 * kRounds);
  EXPECT_EQ(count("SELECT count(*) FROM names WHERE text LIKE 'model-%'"), 3);
  EXPECT_EQ(count("SELECT sum(exchanges) FROM usage_minutes WHERE facet = 0"), 2 * kRounds);
  EXPECT_EQ(count("SELECT sum(exchanges) FROM usage_days WHERE facet = 1"), 2 * kRounds);
}

TEST_F(Ledger, ACleanStopWritesWhatIsLeftAndEmptiesTheLog) {
  {
    auto ledger = writer();
    std::vector<ExchangeRecord> many;
    for (int number = 0; number < 500; ++number) many.push_back(record());
    for (int time = 0; time < 10; ++time) {
      for (auto& each : many) each.id = base::RequestId(random_, each.started);
      ledger->accept(many);
    }
  }
  EXPECT_EQ(count("SELECT count(*) FROM attempts"), 5000);
  EXPECT_EQ(
      std::filesystem::exists(path("usage.db-wal")) ? std::filesystem::file_size(path("usage.db-wal")) : 0,
      0u);
}

TEST_F(Ledger, AStopUnderALockEndsAndCountsWhatIsLost) {
  auto ledger = writer();
  Connection other =
      Connection::open(path("usage.db"), Connection::Mode::writer, std::chrono::milliseconds{50});
  other.execute("BEGIN IMMEDIATE");
  const ExchangeRecord made = record();
  ledger->accept({&made, 1});
  ledger.reset();
  other.execute("ROLLBACK");
  EXPECT_EQ(count("SELECT count(*) FROM attempts"), 0);
}

TEST_F(Ledger, OldRowsAndSumsAreForgottenALittleAtATime) {
  auto ledger = writer();
  std::vector<ExchangeRecord> many;
  for (int number = 0; number < 10; ++number) {
    many.push_back(record());
    if (number == 5) clock_.advance(std::chrono::days{2});
  }
  ledger->accept(many);
  ASSERT_TRUE(ledger->flush(kPatience));
  catalog::Settings::Retention keep{.exchanges_days = 1, .minutes_days = 1, .hours_days = 0};
  const auto forget = [&] {
    return ledger->writer().run([&](Connection& db) { return forget_oldest(db, keep, clock_.wall(), 3); }).value();
  };
  EXPECT_EQ(forget(), 4);
  EXPECT_EQ(forget(), 2);
  for (int facet = 0; facet < 4; ++facet) EXPECT_EQ(forget(), 1) << "the minute";
  EXPECT_EQ(forget(), 0);
  EXPECT_EQ(count("SELECT count(*) FROM attempts"), 4);
  EXPECT_EQ(count("SELECT sum(exchanges) FROM usage_minutes WHERE facet = 0"), 4);
  EXPECT_EQ(count("SELECT sum(exchanges) FROM usage_hours WHERE facet = 0"), 10) << "kept for ever";
  keep.exchanges_days = 0, keep.minutes_days = 0;
  clock_.advance(std::chrono::days{9999});
  EXPECT_EQ(forget(), 0);
}

TEST_F(Ledger, ADamagedOneIsSetAsideAndTheGatewayGoesOn) {
  std::ofstream(path("usage.db")) << std::string(9000, 'x');
  auto ledger = writer();
  EXPECT_NE(ledger->set_aside(), "");
  const ExchangeRecord made = record();
  ledger->accept({&made, 1});
  EXPECT_TRUE(ledger->flush(kPatience));
}

}  // namespace
}  // namespace headworks::store
