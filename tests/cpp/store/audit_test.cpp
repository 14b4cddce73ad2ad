// The audit's chain: what is done to its rows from outside is seen.
#include "store_fixture.hpp"

namespace headworks::store {
namespace {

class AuditChain : public StoreTest {
 protected:
  AuditChain() {
    for (const char* name : {"a", "b", "c"}) store_->create_backend(backend(name)).value();
  }
  std::optional<std::int64_t> broken() {
    return store_->ask([](CatalogTables& tables) { return tables.audit.find_broken(); }).value();
  }
  void edit(const char* sql) {
    Connection::open(path(), Connection::Mode::writer, std::chrono::milliseconds{50}).execute(sql);
  }

  std::unique_ptr<Store> store_ = opened();
};

TEST_F(AuditChain, WhatHeadworksWroteIsWhole) {
  EXPECT_EQ(broken(), std::nullopt);
  store_->delete_backend(store_->list_backends().value().front().id).value();
  store_.reset();
  store_ = opened();
  EXPECT_EQ(broken(), std::nullopt);
  EXPECT_EQ(store_->ask([](CatalogTables& tables) { return tables.audit.list(0, 10).size(); }).value(), 4u);
}

TEST_F(AuditChain, AChangedFieldIsSeen) {
  for (const char* field : {"revision = revision + 1", "at = 'x'", "actor = 'nobody'", "action = 'pool.update'", "target = 'x'",
                            "before_json = '{}'", "after_json = '{}'", "after_json = NULL", "chain = NULL", "chain = x'00'"}) {
    edit((std::string("CREATE TABLE kept AS SELECT * FROM audit; UPDATE audit SET ") + field + " WHERE id = 2").c_str());
    EXPECT_EQ(broken(), 2) << field;
    edit("DELETE FROM audit; INSERT INTO audit SELECT * FROM kept; DROP TABLE kept");
    EXPECT_EQ(broken(), std::nullopt);
  }
}

TEST_F(AuditChain, ARowThatIsTakenOutOrPutInIsSeen) {
  edit("CREATE TABLE kept AS SELECT * FROM audit WHERE id = 1; DELETE FROM audit WHERE id = 1");
  EXPECT_EQ(broken(), 2);
  edit("INSERT INTO audit SELECT * FROM kept");
  EXPECT_EQ(broken(), std::nullopt);
  edit("INSERT INTO audit SELECT 9, revision, at, actor, action, target, before_json, after_json, chain FROM audit WHERE id = 3");
  EXPECT_EQ(broken(), 9);
}

TEST_F(AuditChain, AnotherMasterKeyCannotGoOnWithIt) {
  store_.reset();
  store_ = opened(2);
  store_->create_backend(backend("d")).value();
  store_.reset();
  store_ = opened();
  EXPECT_EQ(broken(), 4);
}

// A file of an earlier version says nothing about its old rows, and is not accused for it.
TEST_F(AuditChain, BeginsBehindTheRowsThatAreOlder) {
  edit("UPDATE audit SET chain = NULL");
  EXPECT_EQ(broken(), std::nullopt);
  store_->create_backend(backend("d")).value();
  EXPECT_EQ(broken(), std::nullopt);
  edit("UPDATE audit SET actor = 'x' WHERE chain IS NOT NULL");
  EXPECT_NE(broken(), std::nullopt);
}

TEST_F(AuditChain, ARowWhoseDigestIsTakenAwayIsSeen) {
  edit("UPDATE audit SET chain = NULL WHERE id = (SELECT min(id) FROM audit)");
  EXPECT_NE(broken(), std::nullopt);
}

}  // namespace
}  // namespace headworks::store
