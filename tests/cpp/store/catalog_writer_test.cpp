#include "store/catalog_writer.hpp"

#include <thread>

#include "store_fixture.hpp"

namespace headworks::store {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

class CatalogChange : public StoreTest {
 protected:
  CatalogChange() { store_->publish_to(&catalog_); }
  ~CatalogChange() override { store_->publish_to(nullptr); }

  static catalog::Configuration parsed(std::string_view document) {
    auto made = catalog::parse_configuration(document, {});
    if (!made.ok()) throw std::runtime_error(catalog::format_problems(made.problems));
    return std::move(made.configuration);
  }
  std::vector<std::string> edits(std::string_view document, bool trial = false) {
    auto applied = store_->apply(parsed(document), "test.yaml", trial);
    if (!applied) return {"failed: " + applied.error().message};
    std::vector<std::string> list;
    for (const Edit& edit : applied->value) list.push_back(edit.action + " " + edit.target);
    return list;
  }
  std::uint64_t revision() { return store_->read_rows().value().revision; }

  std::unique_ptr<Store> store_ = opened();
  catalog::Catalog catalog_{catalog::Snapshot::build(store_->read_rows().value(), nullptr).value()};
};

constexpr std::string_view kTwo = R"({
  "settings": {"retry": {"max_attempts": 5}},
  "backends": [
    {"name": "a", "api_base_url": "https://a/v1", "api_key": "sk-a-0123456789abcdef", "rpm_limit": 40},
    {"name": "b", "api_base_url": "https://b/v1", "pool": "fallback"}],
  "client_keys": [{"name": "app", "key": "hw_app_0123456789abcdef", "models": ["llama-*"],
                   "budgets": [{"usd": 10, "window": "day"}]}],
  "prices": [{"model": "m", "input": 1, "output": 2}]})";

TEST_F(CatalogChange, IsPublishedWithItsRevision) {
  auto made = store_->create_backend(backend("a", "primary", "sk-0123456789abcdef"));
  ASSERT_TRUE(made);
  EXPECT_EQ(catalog_.current()->revision(), 1u);
  EXPECT_EQ(catalog_.current()->find_backend("a")->row.api_key.reveal(), "sk-0123456789abcdef");
  store_->delete_backend(made->id).value();
  EXPECT_EQ(catalog_.current()->revision(), 2u);
  EXPECT_EQ(catalog_.current()->find_backend("a"), nullptr);
}

TEST_F(CatalogChange, WhatDoesNotBuildIsRolledBackAndNotPublished) {
  store_->create_backend(backend("a")).value();
  const auto changed = store_->change({.actor = "test"}, [](CatalogTables& tables) -> base::Result<bool> {
    catalog::Backend row = backend("broken");
    row.id = "bkd_broken", row.api_base_url = "ftp://nowhere", row.created_at = row.updated_at = tables.now;
    tables.backends.insert(row).value();
    tables.edits.push_back({"backend.create", "broken", std::nullopt, std::nullopt});
    return true;
  });
  ASSERT_FALSE(changed);
  EXPECT_THAT(changed.error().message, HasSubstr("backend 'broken'"));
  EXPECT_EQ(catalog_.current()->revision(), 1u);
  EXPECT_EQ(revision(), 1u);
  EXPECT_EQ(store_->list_backends().value().size(), 1u);
}

TEST_F(CatalogChange, AnErrorOrAnExceptionUndoesEverything) {
  const auto failing = [&](auto how) {
    return store_->change({.actor = "test"}, [how](CatalogTables& tables) -> base::Result<bool> {
      if (auto made = create_backend(tables, backend("a")); !made) return made.error();
      return how();
    });
  };
  EXPECT_FALSE(failing([]() -> base::Result<bool> { return base::fail(base::ErrorKind::conflict, "no"); }));
  const auto thrown = failing([]() -> base::Result<bool> { throw std::logic_error("a bug"); });
  EXPECT_EQ(thrown.error().kind, base::ErrorKind::internal);
  EXPECT_EQ(thrown.error().detail, "a bug");
  EXPECT_TRUE(store_->list_backends().value().empty());
  EXPECT_TRUE(store_->create_backend(backend("a"))) << "the store goes on";
}

TEST_F(CatalogChange, HonoursTheExpectedRevision) {
  store_->create_backend(backend("a")).value();
  const auto body = [](CatalogTables& tables) { return put_pool(tables, {.name = "gold", .position = 7}); };
  EXPECT_EQ(store_->change({.actor = "x", .if_revision = 0}, body).error().kind, base::ErrorKind::stale_revision);
  EXPECT_EQ(store_->change({.actor = "x", .if_revision = 1}, body).value().revision, 2u);
}

TEST_F(CatalogChange, LeavesAnAuditWithoutSecrets) {
  auto made = store_->create_backend(backend("a", "primary", "sk-canary-0123456789")).value();
  store_->update_backend(made.id, parse_backend_updates(R"({"rpm_limit": 7})").value()).value();
  const auto rows = store_->ask([](CatalogTables& tables) { return tables.audit.list(0, 10); }).value();
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].action, "backend.update");
  EXPECT_EQ(rows[0].target, "a");
  EXPECT_THAT(*rows[0].before_json, HasSubstr("\"rpm_limit\":0"));
  EXPECT_THAT(*rows[0].after_json, HasSubstr("\"rpm_limit\":7"));
  EXPECT_FALSE(rows[1].before_json);
  EXPECT_THAT(*rows[1].after_json, Not(HasSubstr("canary")));
  const auto revisions =
      store_->ask([](CatalogTables& tables) { return tables.audit.revisions(0, 10); }).value();
  ASSERT_EQ(revisions.size(), 2u);
  EXPECT_EQ(revisions[0].summary, "backend.update a");
  EXPECT_EQ(store_->ask([](CatalogTables& tables) { return tables.audit.edits_of(2); }).value().size(), 1u);
  EXPECT_EQ(store_->ask([](CatalogTables& tables) { return tables.audit.find_revision(1); }).value()->actor,
            "store");
}

TEST_F(CatalogChange, CanBePostedByALoop) {
  std::promise<std::uint64_t> answered;
  ASSERT_TRUE(store_->post_change(
      {.actor = "loop"},
      [](CatalogTables& tables) { return put_pool(tables, {.name = "gold", .position = 7}); },
      [&](base::Result<Changed<bool>> changed) { answered.set_value(changed.value().revision); }));
  EXPECT_EQ(answered.get_future().get(), 1u);
}

TEST_F(CatalogChange, ALockOfAnotherProcessIsAnErrorAndChangesNothing) {
  store_->create_backend(backend("a")).value();
  Connection other = Connection::open(path(), Connection::Mode::writer, std::chrono::milliseconds{50});
  other.execute("BEGIN IMMEDIATE");
  const auto locked = store_->create_backend(backend("b"));
  EXPECT_EQ(locked.error().kind, base::ErrorKind::storage_failed);
  EXPECT_THAT(locked.error().message, HasSubstr("locked"));
  EXPECT_EQ(store_->list_backends().value().size(), 1u) << "reading goes on";
  other.execute("ROLLBACK");
  EXPECT_TRUE(store_->create_backend(backend("b")));
  EXPECT_EQ(catalog_.current()->revision(), 2u);
}

TEST_F(CatalogChange, ManyThreadsChangeOneAfterTheOther) {
  std::vector<std::uint64_t> heard;
  auto subscription = catalog_.subscribe([&](const auto& now) { heard.push_back(now->revision()); });
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread)
    threads.emplace_back([&, thread] {
      for (int number = 0; number < 8; ++number) {
        const std::string name = std::to_string(thread) + "-" + std::to_string(number);
        const std::string id =
            store_->create_backend(backend(name, "primary", "sk-0123456789abcdef")).value().id;
        EXPECT_EQ(store_->get_backend(id).value()->api_key.reveal(), "sk-0123456789abcdef");
        EXPECT_NE(catalog_.current()->find_backend(name), nullptr) << "published before it is answered";
      }
    });
  for (auto& thread : threads) thread.join();
  subscription.end();
  ASSERT_EQ(heard.size(), 33u);
  for (std::uint64_t revision = 0; revision < heard.size(); ++revision) EXPECT_EQ(heard[revision], revision);
  EXPECT_EQ(catalog_.current()->backends().size(), 32u);
}

TEST_F(CatalogChange, KeepsTheGauges) {
  auto made = store_->create_backend(backend("a")).value();
  const auto gauge = catalog_.current()->find_backend("a")->gauge;
  store_->update_backend(made.id, parse_backend_updates(R"({"label": "x"})").value()).value();
  EXPECT_EQ(catalog_.current()->find_backend("a")->gauge, gauge);
}

using Apply = CatalogChange;

TEST_F(Apply, MakesWhatIsNotThereAndIsThenStill) {
  EXPECT_THAT(edits(kTwo),
              UnorderedElementsAre("setting.create retry.max_attempts", "backend.create a",
                                   "backend.create b", "client_key.create app", "price.create m"));
  EXPECT_EQ(revision(), 1u);
  EXPECT_THAT(edits(kTwo), IsEmpty());
  EXPECT_EQ(revision(), 1u) << "unchanged rows are not touched";
  const auto rows = store_->read_rows().value();
  EXPECT_EQ(rows.settings.retry.max_attempts, 5u);
  EXPECT_EQ(rows.backends.size(), 2u);
  EXPECT_EQ(rows.client_keys.at(0).models.at(0), "llama-*");
  EXPECT_EQ(rows.client_keys.at(0).budgets.at(0).usd, 10);
  EXPECT_NE(catalog_.current()->find_client_key(store_->key_hasher().digest("hw_app_0123456789abcdef"), {}),
            nullptr);
}

TEST_F(Apply, ChangesOnlyWhatDiffers) {
  edits(kTwo);
  std::string document(kTwo);
  document.replace(document.find("40"), 2, "50");
  EXPECT_THAT(edits(document), ElementsAre("backend.update a"));
  document.replace(document.find("sk-a-"), 5, "sk-z-");
  EXPECT_THAT(edits(document), ElementsAre("backend.update a")) << "only its key differs";
  EXPECT_EQ(catalog_.current()->find_backend("a")->row.api_key.reveal(), "sk-z-0123456789abcdef");
}

TEST_F(Apply, RowsOfTheFileFollowItAndRowsMadeByHandStay) {
  store_->create_backend(backend("by-hand")).value();
  edits(kTwo);
  EXPECT_THAT(edits("{}"),
              UnorderedElementsAre("setting.delete retry.max_attempts", "backend.delete a",
                                   "backend.delete b", "client_key.delete app", "price.delete m"));
  const auto rows = store_->read_rows().value();
  ASSERT_EQ(rows.backends.size(), 1u);
  EXPECT_EQ(rows.backends[0].name, "by-hand");
  EXPECT_EQ(rows.settings.retry.max_attempts, 3u);
}

TEST_F(Apply, ANamedRowMadeByHandBecomesTheFiles) {
  store_->create_backend(backend("a")).value();
  EXPECT_THAT(edits(R"({"backends": [{"name": "a", "api_base_url": "https://a.example/v1"}]})"),
              ElementsAre("backend.update a"));
  EXPECT_EQ(store_->read_rows().value().backends[0].source, "file");
}

TEST_F(Apply, KeepsStateAndSecretsThatTheDocumentDoesNotGive) {
  edits(kTwo);
  const std::string id = store_->read_rows().value().backends[1].id;
  store_->set_backend_cooldown(catalog_.current()->find_backend("a")->row.id, "2026-01-31T09:30:00Z", 2)
      .value();
  edits(R"({"backends": [{"name": "a", "api_base_url": "https://a/v2"}],
            "client_keys": [{"name": "app", "rpm_limit": 3}]})");
  const auto row = store_->get_backend(catalog_.current()->find_backend("a")->row.id).value().value();
  EXPECT_EQ(row.api_key.reveal(), "sk-a-0123456789abcdef");
  EXPECT_EQ(row.status, catalog::BackendStatus::cooling);
  EXPECT_EQ(row.consecutive_429_count, 2);
  EXPECT_EQ(row.rpm_limit, 0u) << "what the file does not say is the default";
  const auto* key =
      catalog_.current()->find_client_key(store_->key_hasher().digest("hw_app_0123456789abcdef"), {});
  ASSERT_NE(key, nullptr);
  EXPECT_EQ(key->row.rpm_limit, 3u);
}

TEST_F(Apply, AKeyDoesNotFollowItsBackendToAnotherOrigin) {
  edits(kTwo);
  EXPECT_THAT(edits(R"({"backends": [{"name": "a", "api_base_url": "https://evil/v1"}]})"),
              ElementsAre(HasSubstr("give api_key again")));
  EXPECT_EQ(catalog_.current()->find_backend("a")->url.host, "a");
}

TEST_F(Apply, ATrialSaysTheDifferenceAndChangesNothing) {
  EXPECT_EQ(edits(kTwo, true).size(), 5u);
  EXPECT_EQ(revision(), 0u);
  EXPECT_TRUE(store_->list_backends().value().empty());
  EXPECT_EQ(catalog_.current()->revision(), 0u);
}

TEST_F(Apply, IsAllOrNothing) {
  edits(kTwo);
  EXPECT_THAT(edits(R"({"backends": [{"name": "c", "api_base_url": "https://c/v1"}],
                        "client_keys": [{"name": "no-key"}]})"),
              ElementsAre(HasSubstr("needs its key")));
  EXPECT_EQ(revision(), 1u);
  EXPECT_EQ(catalog_.current()->backends().size(), 2u);
}

TEST_F(Apply, ThePoolsOfTheFileAreTheTiers) {
  EXPECT_THAT(edits(R"({"pools": [{"name": "gold"}, {"name": "primary"}]})"),
              UnorderedElementsAre("pool.create gold", "pool.update primary", "pool.delete fallback"));
  EXPECT_EQ(catalog_.current()->pools()[0].name, "gold");
  edits("{}");
  std::vector<std::string> names;
  for (const auto& pool : store_->read_rows().value().pools) names.push_back(pool.name);
  EXPECT_THAT(names, ElementsAre("primary", "fallback"))
      << "without pools in the file there are the two defaults";
}

TEST_F(Apply, ExportAppliedAgainChangesNothing) {
  edits(kTwo);
  const auto rows = store_->read_rows().value();
  // What an export says in full the file had left at its default: settings become rows, everything else is as
  // it was.
  for (const std::string& edit : edits(catalog::format_configuration(rows)))
    EXPECT_TRUE(edit.starts_with("setting.") || edit.starts_with("pool.update")) << edit;
  const auto again = store_->read_rows().value();
  EXPECT_EQ(catalog::format_configuration(again), catalog::format_configuration(rows));
}

TEST_F(Apply, DoesNotTouchWhatTheDataPlaneKnows) {
  edits(kTwo);
  const auto* entry = catalog_.current()->find_backend("a");
  const auto until = clock_.wall() + std::chrono::seconds{30};
  ASSERT_TRUE(store_->post_cooldown({.backend_id = entry->row.id,
                                     .request_id = "req_1",
                                     .consecutive = 1,
                                     .started = clock_.wall(),
                                     .until = until}));
  const auto running = store_->running_cooldowns().value();
  ASSERT_EQ(running.size(), 1u);
  EXPECT_EQ(running[0].backend_id, entry->row.id);
  EXPECT_EQ(running[0].request_id, "req_1");
  EXPECT_EQ(running[0].until, until);
  auto row = store_->get_backend(entry->row.id).value().value();
  EXPECT_EQ(row.status, catalog::BackendStatus::cooling);
  EXPECT_EQ(revision(), 1u) << "state is not configuration";
  ASSERT_TRUE(store_->post_recovered(entry->row.id));
  EXPECT_TRUE(store_->running_cooldowns().value().empty());
  EXPECT_EQ(store_->get_backend(entry->row.id).value()->status, catalog::BackendStatus::healthy);
}

TEST_F(Apply, ACooldownEndsByItselfAndSurvivesARestart) {
  edits(kTwo);
  const std::string id = catalog_.current()->find_backend("a")->row.id;
  store_->post_cooldown(
      {.backend_id = id, .started = clock_.wall(), .until = clock_.wall() + std::chrono::seconds{30}});
  store_->running_cooldowns().value();
  store_ = nullptr;
  store_ = opened();
  EXPECT_EQ(store_->running_cooldowns().value().size(), 1u);
  EXPECT_EQ(store_->end_expired_cooldowns().value(), 0);
  clock_.advance(std::chrono::seconds{31});
  EXPECT_TRUE(store_->running_cooldowns().value().empty());
  EXPECT_EQ(store_->get_backend(id).value()->status, catalog::BackendStatus::cooling)
      << "nothing changes by itself";
  EXPECT_EQ(store_->end_expired_cooldowns().value(), 1);
  EXPECT_EQ(store_->get_backend(id).value()->status, catalog::BackendStatus::healthy);
  EXPECT_EQ(store_->ask([](CatalogTables& tables) { return tables.cooldowns.list(0, 10); }).value().size(),
            1u);
}

TEST_F(Apply, ABackendThatWasDisabledByHandIsNotSetCoolingByA429) {
  auto made = store_->create_backend(backend("a")).value();
  store_->set_backend_status(made.id, catalog::BackendStatus::disabled).value();
  store_->post_cooldown(
      {.backend_id = made.id, .started = clock_.wall(), .until = clock_.wall() + std::chrono::seconds{9}});
  store_->post_recovered(made.id);
  EXPECT_EQ(store_->get_backend(made.id).value()->status, catalog::BackendStatus::disabled);
}

}  // namespace
}  // namespace headworks::store
