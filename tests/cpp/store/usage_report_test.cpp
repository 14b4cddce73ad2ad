#include "store/usage_report.hpp"

#include "store/attempts_table.hpp"
#include "store/retention.hpp"
#include "store_fixture.hpp"

namespace headworks::store {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using telemetry::ExchangeRecord;

class Report : public StoreTest {
 protected:
  void SetUp() override { opened_.emplace(open_writer(path("usage.db"), Database::usage, std::chrono::milliseconds{50}, {})); }
  Connection& db() { return opened_->connection; }

  ExchangeRecord record(base::WallTime at, std::string_view model, std::int64_t cost) {
    ExchangeRecord made;
    made.started = at;
    made.id = base::RequestId(random_, at);
    made.client_key = "app", made.model = model;
    made.total = std::chrono::milliseconds{20};
    telemetry::AttemptRecord& attempt = made.attempts.emplace_back();
    attempt.backend = "b1", attempt.pool = "primary";
    attempt.cost.value = cost;
    attempt.first_byte = std::chrono::milliseconds{5};
    return made;
  }
  void add(const std::vector<ExchangeRecord>& records) {
    Transaction transaction(db());
    AttemptsTable(db()).insert(records, names_, sums_);
    sums_.end(db(), true);
    transaction.commit();
  }
  UsageAnswer ask(base::WallTime since, base::WallTime until, std::vector<UsageKey> by = {}, UsageStep step = {}) {
    return sum_usage(db(), {.since = since, .until = until, .by = std::move(by), .step = step, .limit = 100'000});
  }

  std::optional<Opened> opened_;
  Names names_;
  UsageSums sums_;
  base::Random random_{5};
};

constexpr base::WallTime kDay{seconds{1'700'006'400}};  // midnight

TEST_F(Report, AnySpanOfMinutesIsTheSumOfItsRows) {
  std::vector<ExchangeRecord> all;
  for (int number = 0; number < 3000; ++number)
    all.push_back(record(kDay + seconds{random_.below(5 * 86'400)}, number % 2 == 0 ? "m" : "n", number));
  for (std::size_t from = 0; from < all.size(); from += 500)
    add({all.begin() + static_cast<std::ptrdiff_t>(from), all.begin() + static_cast<std::ptrdiff_t>(from + 500)});
  for (int round = 0; round < 200; ++round) {
    const base::WallTime since = kDay + minutes{random_.below(7200)};
    const base::WallTime until = since + minutes{random_.below(4000)};
    std::int64_t cost = 0, count = 0;
    for (const ExchangeRecord& one : all)
      if (one.started >= since && one.started < until) cost += one.attempts[0].cost.value, ++count;
    const UsageAnswer answer = ask(since, until);
    ASSERT_EQ(answer.rows.size(), 1u);
    EXPECT_EQ(answer.rows[0].sums.cost_micro_usd, cost);
    EXPECT_EQ(answer.rows[0].sums.exchanges, count);
    EXPECT_EQ(answer.rows[0].sums.latency.count(), static_cast<std::uint64_t>(count));
  }
}

TEST_F(Report, WhatItCoversIsSaid) {
  add({record(kDay - hours{1}, "m", 1), record(kDay + seconds{61}, "m", 1), record(kDay + hours{3}, "m", 1)});
  const UsageAnswer answer = ask(kDay + seconds{90}, kDay + hours{3} + seconds{1});
  EXPECT_EQ(answer.since, kDay + minutes{1});
  EXPECT_EQ(answer.until, kDay + hours{3} + minutes{1});
  EXPECT_EQ(answer.rows[0].sums.exchanges, 2);
}

TEST_F(Report, StepsAndNames) {
  add({record(kDay, "m", 1), record(kDay + minutes{59}, "m", 2), record(kDay + hours{1}, "n", 9)});
  const UsageAnswer hourly = ask(kDay, kDay + hours{2}, {UsageKey::model, UsageKey::backend}, UsageStep::hour);
  ASSERT_EQ(hourly.rows.size(), 2u);
  EXPECT_EQ(hourly.rows[0].at, kDay + hours{1});
  EXPECT_EQ(hourly.rows[0].by, (std::vector<std::string>{"n", "b1"}));
  EXPECT_EQ(hourly.rows[1].sums.cost_micro_usd, 3);
  UsageQuestion only{.since = kDay, .until = kDay + hours{2}, .only = {"m"}};
  EXPECT_EQ(sum_usage(db(), only).rows[0].sums.exchanges, 2);
  only.only[0] = "unheard of";
  EXPECT_EQ(sum_usage(db(), only).rows[0].sums.exchanges, 0);
}

TEST_F(Report, WhereMinutesAreForgottenHoursAnswer) {
  add({record(kDay + minutes{10}, "m", 1), record(kDay + minutes{50}, "m", 1), record(kDay + days{3}, "m", 1)});
  const catalog::Settings::Retention keep{.exchanges_days = 1, .minutes_days = 1, .hours_days = 0};
  while (forget_oldest(db(), keep, kDay + days{3}, 100) > 0) {
  }
  const UsageAnswer answer = ask(kDay + minutes{30}, kDay + days{4});
  EXPECT_EQ(answer.since, kDay);
  EXPECT_EQ(answer.rows[0].sums.exchanges, 3);
  const UsageAnswer by_minute = ask(kDay, kDay + days{4}, {}, UsageStep::minute);
  EXPECT_EQ(by_minute.since, kDay + days{3});
  EXPECT_EQ(by_minute.rows.size(), 1u);
}

TEST_F(Report, SumsThatTheWriterDoesNotRememberAreAddedTo) {
  add({record(kDay, "m", 1)});
  sums_.forget();
  names_.forget();
  add({record(kDay, "m", 2)});
  const UsageAnswer answer = ask(kDay, kDay + minutes{1}, {UsageKey::model});
  ASSERT_EQ(answer.rows.size(), 1u);
  EXPECT_EQ(answer.rows[0].sums.cost_micro_usd, 3);
  EXPECT_EQ(answer.rows[0].sums.latency.count(), 2u);
  EXPECT_EQ(answer.rows[0].sums.first_byte.count(), 2u);
}

// As after a crash, or a write that failed: what the rows say is made up for, once.
TEST_F(Report, WhatWasNotSummedIsReadFromTheRows) {
  const auto add_unsummed = [&](const std::vector<ExchangeRecord>& records, bool commit) {
    Transaction transaction(db());
    AttemptsTable(db()).insert(records, names_, sums_);
    sums_.end(db(), false);
    if (commit) transaction.commit();
  };
  add({record(kDay, "m", 1)});
  add_unsummed({record(kDay + minutes{5}, "m", 2)}, true);
  add_unsummed({record(kDay + minutes{1}, "n", 4)}, true);
  EXPECT_EQ(ask(kDay, kDay + hours{1}).rows[0].sums.cost_micro_usd, 1) << "not yet";
  names_.forget(), sums_.forget();
  add({record(kDay + minutes{9}, "m", 8)});
  EXPECT_EQ(ask(kDay, kDay + hours{1}).rows[0].sums.cost_micro_usd, 15);
  add_unsummed({record(kDay + minutes{5}, "m", 100)}, false);  // rolled back
  names_.forget(), sums_.forget();
  add({});
  const Sums all = ask(kDay, kDay + hours{1}).rows[0].sums;
  EXPECT_EQ(all.cost_micro_usd, 15);
  EXPECT_EQ(all.latency.count(), 4u);
  EXPECT_EQ(all.first_byte.count(), 4u);
}

TEST_F(Report, AllFacetsSayTheSame) {
  std::vector<ExchangeRecord> all;
  for (int number = 0; number < 600; ++number) {
    ExchangeRecord made = record(kDay + seconds{random_.below(7200)}, number % 3 == 0 ? "m" : "n", number);
    made.client_key = number % 5 == 0 ? "app" : "web";
    made.attempts[0].backend = number % 2 == 0 ? "b1" : "b2";
    all.push_back(made);
  }
  add(all);
  const auto cost_of = [&](auto fits) {
    std::int64_t cost = 0;
    for (const ExchangeRecord& one : all)
      if (fits(one)) cost += one.attempts[0].cost.value;
    return cost;
  };
  using enum UsageKey;
  for (const std::vector<UsageKey>& by : std::vector<std::vector<UsageKey>>{{}, {model}, {backend}, {key}, {pool}, {model, key},
                                          {backend, model}, {pool, key}, {model, backend, key}, {model, backend, key, pool}})
    for (const UsageStep step : {UsageStep::none, UsageStep::minute, UsageStep::hour, UsageStep::day}) {
      const UsageAnswer answer = ask(kDay, kDay + hours{2}, by, step);
      std::int64_t cost = 0;
      for (const UsageRow& row : answer.rows) {
        cost += row.sums.cost_micro_usd;
        EXPECT_EQ(row.by.size(), by.size());
      }
      EXPECT_EQ(cost, cost_of([](const ExchangeRecord&) { return true; })) << by.size() << " " << int(step);
    }
  UsageQuestion one{.since = kDay, .until = kDay + hours{2}, .only = {"m", "b2", "web"}};
  EXPECT_EQ(sum_usage(db(), one).rows[0].sums.cost_micro_usd, cost_of([](const ExchangeRecord& record) {
              return record.model == "m" && record.attempts[0].backend == "b2" && record.client_key == "web";
            }));
}

// The same rows in a table of version 3 are the same rows and sums after the migration.
TEST_F(Report, AnOlderLedgerKeepsItsRows) {
  {
    Connection old = Connection::open(path("old.db"), Connection::Mode::writer, std::chrono::milliseconds{50});
    old.execute("PRAGMA application_id=0x48575553");
    migrate(old, Database::usage, 3);
    old.execute(
        "INSERT INTO attempts VALUES (1700006400000001, 'req_1', 1, 0, '/v1/x', 'key_1', 'app', 'm', 1, 200, NULL, 5000, 40, "
        "7, 100, 200, NULL, 'bkd_1', 'b1', 'primary', 'm1', 429, 'upstream_error', 0, 1, 2, 3, 0, 0, 0, 0, 0, 'none', 0, 0, NULL);"
        "INSERT INTO attempts VALUES (1700006400000001, 'req_1', 2, 1, '/v1/x', 'key_1', 'app', 'm', 1, 200, NULL, 5000, 40, "
        "7, 100, 200, 'up', 'bkd_2', 'b2', 'primary', 'm2', 200, NULL, 0, 1, 2, 3, 10, 20, 0, 0, 0, 'estimated', 55, 0, '[]');");
  }
  Opened opened = open_writer(path("old.db"), Database::usage, std::chrono::milliseconds{50}, {});
  Names names;
  UsageSums sums;
  Transaction transaction(opened.connection);
  AttemptsTable(opened.connection).insert({}, names, sums);
  sums.end(opened.connection, true);
  transaction.commit();
  Query row = opened.connection.query("SELECT backend, error, model_sent, usage_source, route FROM attempts ORDER BY attempt");
  ASSERT_TRUE(row.next());
  EXPECT_EQ(row.string(0) + "|" + row.string(1) + "|" + row.string(2), "b1|upstream_error|m1");
  ASSERT_TRUE(row.next());
  EXPECT_TRUE(row.is_null(1));
  EXPECT_EQ(row.string(0) + "|" + row.string(3) + "|" + row.string(4), "b2|estimated|/v1/x");
  const UsageAnswer answer =
      sum_usage(opened.connection, {.since = kDay, .until = kDay + hours{1}, .by = {UsageKey::backend}});
  ASSERT_EQ(answer.rows.size(), 2u);
  EXPECT_EQ(answer.rows[0].by[0], "b2");
  EXPECT_EQ(answer.rows[0].sums.cost_micro_usd, 55);
  EXPECT_EQ(answer.rows[0].sums.estimated, 1);
  EXPECT_EQ(answer.rows[1].sums.exchanges, 0);
  EXPECT_EQ(answer.rows[1].sums.attempts, 1);
}

}  // namespace
}  // namespace headworks::store
