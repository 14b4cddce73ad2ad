#include "store/schema.hpp"

#include <sys/stat.h>

#include "base/random.hpp"
#include "store_fixture.hpp"

namespace headworks::store {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr std::chrono::milliseconds kBusy{50};

class Schema : public StoreTest {
 protected:
  Opened open(const std::string& name, Database database) {
    return open_writer(path(name), database, kBusy, clock_.wall());
  }
  std::string why_not(const std::string& name, Database database) {
    try {
      open(name, database);
      return "";
    } catch (const StorageFailure& failure) {
      EXPECT_EQ(failure.error().kind, base::ErrorKind::storage_failed);
      return failure.error().message;
    }
  }
  void write_file(const std::string& name, const std::string& bytes) {
    std::ofstream(path(name), std::ios::binary) << bytes;
  }
  Connection raw(const std::string& name) {
    return Connection::open(path(name), Connection::Mode::writer, kBusy);
  }
};

TEST_F(Schema, ANewFileIsCompleteAndOurs) {
  for (const Database database : {Database::catalog, Database::usage}) {
    const std::string name = database == Database::catalog ? "headworks.db" : "usage.db";
    Opened opened = open(name, database);
    EXPECT_EQ(opened.connection.find_integer("PRAGMA user_version"), newest_version(database));
    EXPECT_EQ(opened.connection.find_integer("PRAGMA synchronous"), database == Database::catalog ? 2 : 1);
    Query mode = opened.connection.query("PRAGMA journal_mode");
    ASSERT_TRUE(mode.next());
    EXPECT_EQ(mode.text(0), "wal");
    struct stat found{};
    ASSERT_EQ(::stat(path(name).c_str(), &found), 0);
    EXPECT_EQ(found.st_mode & 0777, 0600u);
    EXPECT_FALSE(std::filesystem::exists(path(name) + ".new"));
  }
}

TEST_F(Schema, EveryOlderVersionIsBroughtUp) {
  for (const Database database : {Database::catalog, Database::usage}) {
    const std::string name = database == Database::catalog ? "headworks.db" : "usage.db";
    for (int version = 1; version <= newest_version(database); ++version) {
      std::filesystem::remove(path(name));
      {
        Connection db = raw(name);
        db.execute(database == Database::catalog ? "PRAGMA application_id=0x48574354"
                                                 : "PRAGMA application_id=0x48575553");
        migrate(db, database, version);
      }
      EXPECT_EQ(open(name, database).connection.find_integer("PRAGMA user_version"),
                newest_version(database));
    }
  }
}

TEST_F(Schema, AFutureVersionIsRefusedAndLeftAsItIs) {
  {
    Opened opened = open("headworks.db", Database::catalog);
    opened.connection.execute("PRAGMA user_version=999");
    opened.connection.checkpoint_all();
  }
  const std::string before = bytes_of(path());
  EXPECT_THAT(why_not("headworks.db", Database::catalog),
              AllOf(HasSubstr(path()), HasSubstr("newer Headworks")));
  EXPECT_EQ(bytes_of(path()), before);
}

TEST_F(Schema, WhatIsNotOursIsRefused) {
  raw("headworks.db").execute("CREATE TABLE notes (text TEXT)");
  EXPECT_THAT(why_not("headworks.db", Database::catalog), HasSubstr("not a database of Headworks"));
  open("usage.db", Database::usage);
  EXPECT_THAT(why_not("usage.db", Database::catalog), HasSubstr("not a database of Headworks"));
}

TEST_F(Schema, ADamagedCatalogIsAnErrorAndStaysUntouched) {
  for (const std::string& bytes :
       {std::string(), std::string("garbage, and quite a lot of it: ").append(5000, 'x')}) {
    write_file("headworks.db", bytes);
    EXPECT_THAT(why_not("headworks.db", Database::catalog), HasSubstr(path()));
    EXPECT_EQ(bytes_of(path()), bytes);
  }
}

TEST_F(Schema, ADamagedLedgerIsSetAsideAndANewOneBegun) {
  const std::string garbage = std::string("garbage: ").append(5000, 'x');
  write_file("usage.db", garbage);
  Opened opened = open("usage.db", Database::usage);
  EXPECT_EQ(opened.set_aside, path("usage.db") + ".corrupt-2023-11-14T22:13:20Z");
  EXPECT_EQ(bytes_of(opened.set_aside), garbage);
  EXPECT_EQ(opened.connection.find_integer("SELECT count(*) FROM attempts"), 0);
}

// Bit flips and cuts: the file opens with all its rows, or it is refused; never silently empty, never a
// crash.
TEST_F(Schema, AMutatedCatalogNeverStartsEmpty) {
  {
    auto store = opened();
    catalog::Configuration many;
    for (int number = 0; number < 200; ++number)
      many.backends.push_back(backend("b" + std::to_string(number), "primary", "sk-key-of-this-backend"));
    ASSERT_TRUE(store->apply(std::move(many), "test"));
  }
  const std::string whole = bytes_of(path());
  base::Random random(11);
  int refused = 0;
  for (int round = 0; round < 100; ++round) {
    std::string mutated = whole;
    if (round % 4 == 0)
      mutated.resize(random.below(whole.size()));
    else
      for (int flips = 0; flips < 20; ++flips)
        mutated[random.below(mutated.size())] ^= static_cast<char>(1 << random.below(8));
    for (const char* suffix : {"-wal", "-shm"}) std::filesystem::remove(path() + suffix);
    write_file("headworks.db", mutated);
    auto store = try_open();
    if (!store) {
      EXPECT_EQ(bytes_of(path()), mutated) << "a damaged file must not be changed";
      ++refused;
      continue;
    }
    const auto rows = (*store)->list_backends();
    if (rows) {
      EXPECT_GE(rows->size(), 190u) << "round " << round;
    }
  }
  EXPECT_GT(refused, 20);
}

TEST_F(Schema, AnUnfinishedNewFileIsNotMistakenForADatabase) {
  write_file("headworks.db.new", "half");
  EXPECT_EQ(open("headworks.db", Database::catalog).connection.find_integer("SELECT count(*) FROM pools"), 2);
}

TEST_F(Schema, AReaderCannotWriteAndHasATimeLimit) {
  open("usage.db", Database::usage);
  Connection reader = open_reader(path("usage.db"), kBusy);
  EXPECT_EQ(reader.find_integer("SELECT count(*) FROM attempts"), 0);
  EXPECT_EQ(reader.find_integer("PRAGMA wal_autocheckpoint"), 0);
  EXPECT_THROW(reader.change("DELETE FROM attempts"), StorageFailure);
  reader.set_deadline(std::chrono::steady_clock::now() + std::chrono::milliseconds{5});
  try {
    reader.find_integer(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n");
    FAIL() << "an endless query ended";
  } catch (const StorageFailure& failure) {
    EXPECT_EQ(failure.error().kind, base::ErrorKind::deadline_exceeded);
  }
}

TEST_F(Schema, ConstraintsHold) {
  Opened opened = open("headworks.db", Database::catalog);
  const auto kind_of = [&](const char* sql) -> std::optional<base::ErrorKind> {
    try {
      opened.connection.change(sql);
      return std::nullopt;
    } catch (const StorageFailure& failure) {
      return failure.error().kind;
    }
  };
  constexpr const char* kInsert =
      "INSERT INTO backends (id, name, api_base_url, created_at, updated_at) VALUES ('a', 'a', 'u', 't', "
      "'t')";
  EXPECT_EQ(kind_of(kInsert), std::nullopt);
  EXPECT_EQ(kind_of(kInsert), base::ErrorKind::conflict);
  EXPECT_EQ(kind_of("UPDATE backends SET pool = 'nowhere'"), base::ErrorKind::conflict);
  EXPECT_EQ(kind_of("DELETE FROM pools WHERE name = 'primary'"), base::ErrorKind::conflict);
  for (const char* value : {"rpm_limit = -1", "enabled = 2", "status = 'odd'", "api = 'odd'",
                            "timeout_seconds = 0", "weight = 0", "name = ''", "consecutive_429_count = -1"})
    EXPECT_EQ(kind_of((std::string("UPDATE backends SET ") + value).c_str()),
              base::ErrorKind::invalid_configuration)
        << value;
}

// A sidecar's file, as far as its shape is known: the seed's columns, tables of its own, no application id.
class Sidecar : public Schema {
 protected:
  void make(const std::string& extra = "") {
    Connection db = raw("headworks.db");
    db.execute(
        "CREATE TABLE backends (id TEXT PRIMARY KEY, name TEXT, label TEXT, api_base_url TEXT, "
        "api_key_encrypted TEXT, api TEXT, timeout_seconds REAL, rpm_limit INTEGER, pool TEXT, enabled "
        "INTEGER, "
        "status TEXT, model_mappings_json TEXT, source TEXT, cooldown_until TEXT, consecutive_429_count "
        "INTEGER, "
        "metadata_json TEXT, created_at TEXT, updated_at TEXT);"
        "CREATE INDEX backends_by_pool ON backends (pool);"
        "CREATE TABLE cooldowns (whatever TEXT); INSERT INTO cooldowns VALUES ('kept');"
        "CREATE TABLE usage (whatever TEXT); CREATE TABLE config (key TEXT, value TEXT);");
    db.execute(
        "INSERT INTO backends VALUES ('bkd_1', 'nim', 'NIM', 'https://h/v1', 'sk-plain-legacy-key', "
        "'openai-completions', 60, 40, 'primary', 1, 'cooling', '{\"m\":{\"model\":\"x/m\",\"top_p\":1}}', "
        "'admin', "
        "'2026-01-31T09:30:00Z', 3, '{\"a\":1}', '2025-01-01T00:00:00Z', '2025-01-02T00:00:00Z')");
    db.execute(
        "INSERT INTO backends (id, name, api_base_url, api, pool) VALUES "
        "('bkd_2', 'nim', 'https://h/v1', 'openai', 'gold'), ('bkd_3', '', 'not a url', 'martian', "
        "'primary')");
    if (!extra.empty()) db.execute(extra.c_str());
  }
};

TEST_F(Sidecar, ItsRowsAreTakenOverByColumnName) {
  make();
  auto store = opened();
  const auto row = store->get_backend("bkd_1").value().value();
  EXPECT_EQ(row.name + row.label + row.api_base_url, "nimNIMhttps://h/v1");
  EXPECT_EQ(row.api_key.reveal(), "sk-plain-legacy-key");
  EXPECT_EQ(row.key_state, catalog::KeyState::readable);
  EXPECT_EQ(row.api, catalog::Api::openai);
  EXPECT_EQ(row.timeout_seconds, 60);
  EXPECT_EQ(row.rpm_limit, 40u);
  EXPECT_EQ(row.status, catalog::BackendStatus::cooling);
  EXPECT_EQ(row.cooldown_until, "2026-01-31T09:30:00Z");
  EXPECT_EQ(row.consecutive_429_count, 3);
  EXPECT_EQ(row.model_mappings.at(0).model, "x/m");
  EXPECT_EQ(row.created_at, "2025-01-01T00:00:00Z");
  EXPECT_EQ(row.metadata_json, "{\"a\":1}");
}

TEST_F(Sidecar, WhatCannotWorkHereIsKeptButSwitchedOff) {
  make();
  auto store = opened();
  EXPECT_EQ(store->get_backend("bkd_2").value()->name, "nim-2");
  EXPECT_EQ(store->get_backend("bkd_2").value()->pool, "gold");
  EXPECT_TRUE(store->get_backend("bkd_2").value()->enabled);
  const auto odd = store->get_backend("bkd_3").value().value();
  EXPECT_EQ(odd.name, "bkd_3");
  EXPECT_FALSE(odd.enabled);
  EXPECT_EQ(odd.status, catalog::BackendStatus::error);
  EXPECT_TRUE(catalog::Snapshot::build(store->read_rows().value(), nullptr))
      << "the server must be able to start";
}

TEST_F(Sidecar, ItsOtherTablesAreKeptUnderOtherNames) {
  make();
  opened();
  Connection db = raw("headworks.db");
  EXPECT_EQ(db.find_integer("SELECT count(*) FROM sidecar_cooldowns WHERE whatever = 'kept'"), 1);
  EXPECT_EQ(db.find_integer("SELECT count(*) FROM sqlite_schema WHERE name = 'sidecar_backends'"), 0);
  EXPECT_EQ(db.find_integer("SELECT count(*) FROM cooldowns"), 0);
}

}  // namespace
}  // namespace headworks::store
