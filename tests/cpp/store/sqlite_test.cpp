#include "store/sqlite.hpp"

#include <limits>
#include <optional>
#include <string>

#include "store_fixture.hpp"

namespace headworks::store {
namespace {

using Sqlite = StoreTest;

// What repeats is not bound again; what is written is the same.
TEST_F(Sqlite, RowsThatRepeatEachOtherAreWrittenAsTheyAre) {
  Connection db = Connection::open(path("rows.db"), Connection::Mode::writer, std::chrono::milliseconds{100});
  db.execute("CREATE TABLE rows (a INTEGER, b INTEGER, c TEXT, d INTEGER)");
  using Maybe = std::optional<std::int64_t>;
  constexpr std::int64_t kLeast = std::numeric_limits<std::int64_t>::min();
  for (int time = 0; time < 2; ++time) {  // the statement is the connection's, and remembered values are not
    Query insert = db.prepared("INSERT INTO rows VALUES (?,?,?,?)");
    db.rerun(insert, 0, true, "x", Maybe(1));
    db.rerun(insert, 0, true, "y", Maybe());
    db.rerun(insert, 1, true, "y", Maybe(1));
    db.rerun(insert, 1, false, "y", Maybe(1));
    db.rerun(insert, kLeast, false, "", Maybe());
    db.rerun(insert, 0, false, "x", Maybe());
  }
  std::string written;
  Query rows = db.query("SELECT a, b, c, coalesce(d, 'none') FROM rows ORDER BY rowid");
  while (rows.next()) written += rows.string(0) + rows.string(1) + rows.string(2) + rows.string(3) + " ";
  const std::string once = "01x1 01ynone 11y1 10y1 -92233720368547758080none 00xnone ";
  EXPECT_EQ(written, once + once);
}

}  // namespace
}  // namespace headworks::store
