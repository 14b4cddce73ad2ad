// Every promise of the seed contract's nine operations.
#include "store_fixture.hpp"

namespace headworks::store {
namespace {

using catalog::Backend;
using catalog::BackendStatus;
using catalog::KeyState;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

class NineOperations : public StoreTest {
 protected:
  std::string create(Backend row) { return store_->create_backend(std::move(row)).value().id; }
  Backend get(const std::string& id, bool decrypt = true) {
    return store_->get_backend(id, decrypt).value().value();
  }
  std::vector<std::string> names(std::optional<std::string> pool = std::nullopt, bool enabled_only = false) {
    std::vector<std::string> names;
    for (const Backend& row : store_->list_backends(pool, enabled_only).value()) names.push_back(row.name);
    return names;
  }
  void edit(const char* sql) {
    Connection::open(path(), Connection::Mode::writer, std::chrono::milliseconds{50}).execute(sql);
  }

  std::unique_ptr<Store> store_ = opened();
};

TEST_F(NineOperations, CreateGivesAnIdAndStampsBothTimes) {
  const Backend made = store_->create_backend(backend("a", "primary", "sk-0123456789abcdef")).value();
  EXPECT_THAT(made.id, StartsWith("bkd_"));
  EXPECT_EQ(made.created_at, "2023-11-14T22:13:20Z");
  EXPECT_EQ(made.updated_at, made.created_at);
  EXPECT_EQ(made.api_key_hint, "****cdef");
  const Backend read = get(made.id);
  EXPECT_EQ(read.name, "a");
  EXPECT_EQ(read.api_key.reveal(), "sk-0123456789abcdef");
  EXPECT_EQ(read.key_state, KeyState::readable);
}

TEST_F(NineOperations, CreateKeepsAGivenIdAndRefusesItTwice) {
  Backend row = backend("a");
  row.id = "bkd_mine";
  EXPECT_EQ(create(row.copy()), "bkd_mine");
  row.name = "b";
  EXPECT_EQ(store_->create_backend(row.copy()).error().kind, base::ErrorKind::conflict);
  row.id.clear();
  row.name = "a";
  EXPECT_EQ(store_->create_backend(row.copy()).error().kind, base::ErrorKind::conflict);
}

TEST_F(NineOperations, CreateMakesItsPool) {
  create(backend("a", "gold"));
  EXPECT_THAT(names("gold"), ElementsAre("a"));
}

TEST_F(NineOperations, CreateRefusesWhatCouldNeverWork) {
  Backend row = backend("a");
  row.api_base_url = "ftp://h";
  EXPECT_THAT(store_->create_backend(row.copy()).error().message, HasSubstr("$.api_base_url"));
  row = backend("a");
  row.timeout_seconds = 0;
  EXPECT_THAT(store_->create_backend(row.copy()).error().message, HasSubstr("$.timeout_seconds"));
  EXPECT_THAT(names(), ElementsAre());
}

TEST_F(NineOperations, EveryColumnComesBack) {
  Backend row = backend("a", "fallback", "sk-0123456789abcdef");
  row.label = "L", row.api = catalog::Api::anthropic, row.timeout_seconds = 1.5, row.rpm_limit = 40,
  row.tpm_limit = 1000;
  row.max_in_flight = 7, row.weight = 3, row.enabled = false, row.status = BackendStatus::error,
  row.source = "import";
  row.model_mappings = {{"m", "x/m", 128, R"({"top_p":1})"}}, row.metadata_json = R"({"owner":"team-a"})";
  row.cooldown_until = "2026-01-31T09:30:00Z", row.consecutive_429_count = 4;
  const Backend read = get(create(row.copy()));
  EXPECT_EQ(read.label + read.pool + read.source, "Lfallbackimport");
  EXPECT_EQ(read.api, catalog::Api::anthropic);
  EXPECT_EQ(read.timeout_seconds, 1.5);
  EXPECT_EQ(read.rpm_limit, 40u);
  EXPECT_EQ(read.tpm_limit, 1000u);
  EXPECT_EQ(read.max_in_flight, 7u);
  EXPECT_EQ(read.weight, 3u);
  EXPECT_FALSE(read.enabled);
  EXPECT_EQ(read.status, BackendStatus::error);
  EXPECT_EQ(read.model_mappings.at(0).model, "x/m");
  EXPECT_EQ(read.model_mappings.at(0).context_tokens, 128u);
  EXPECT_EQ(read.model_mappings.at(0).extra_json, R"({"top_p":1})");
  EXPECT_EQ(read.metadata_json, R"({"owner":"team-a"})");
  EXPECT_EQ(read.cooldown_until, "2026-01-31T09:30:00Z");
  EXPECT_EQ(read.consecutive_429_count, 4);
}

TEST_F(NineOperations, GetDecryptsOnlyWhenAsked) {
  const std::string id = create(backend("a", "primary", "sk-0123456789abcdef"));
  EXPECT_TRUE(get(id, false).api_key.empty());
  EXPECT_EQ(get(id, false).key_state, KeyState::readable);
  EXPECT_EQ(get(id, false).api_key_hint, "****cdef");
  EXPECT_FALSE(store_->get_backend("bkd_none").value());
}

TEST_F(NineOperations, ListOrdersByPoolThenOldestFirst) {
  create(backend("z-first"));
  clock_.advance(std::chrono::seconds{5});
  create(backend("fb", "fallback"));
  create(backend("a-second"));
  create(backend("m-third"));  // of the same second
  EXPECT_THAT(names("primary"), ElementsAre("z-first", "a-second", "m-third"));
  EXPECT_THAT(names(), ElementsAre("fb", "z-first", "a-second", "m-third"));
  EXPECT_THAT(names("none"), ElementsAre());
}

TEST_F(NineOperations, ListMayBeLimitedToEnabledOnes) {
  create(backend("on"));
  Backend off = backend("off");
  off.enabled = false;
  create(std::move(off));
  EXPECT_THAT(names(std::nullopt, true), ElementsAre("on"));
  EXPECT_THAT(names("primary", true), ElementsAre("on"));
  EXPECT_THAT(names("primary", false), ElementsAre("on", "off"));
}

TEST_F(NineOperations, ListDoesNotDecryptUnlessAsked) {
  create(backend("a", "primary", "sk-0123456789abcdef"));
  EXPECT_TRUE(store_->list_backends().value()[0].api_key.empty());
  EXPECT_EQ(store_->list_backends(std::nullopt, false, true).value()[0].api_key.reveal(),
            "sk-0123456789abcdef");
}

TEST_F(NineOperations, UpdateChangesOnlyWhatItNames) {
  const std::string id = create(backend("a", "primary", "sk-0123456789abcdef"));
  clock_.advance(std::chrono::seconds{10});
  BackendUpdates updates =
      parse_backend_updates(R"({"rpm_limit": 50, "label": "L", "enabled": false})").value();
  const Backend updated = store_->update_backend(id, std::move(updates)).value().value();
  EXPECT_TRUE(updated.api_key.empty()) << "the answer never has the clear key";
  EXPECT_EQ(updated.rpm_limit, 50u);
  EXPECT_EQ(updated.updated_at, "2023-11-14T22:13:30Z");
  const Backend read = get(id);
  EXPECT_EQ(read.label, "L");
  EXPECT_FALSE(read.enabled);
  EXPECT_EQ(read.name, "a");
  EXPECT_EQ(read.created_at, "2023-11-14T22:13:20Z");
  EXPECT_EQ(read.api_key.reveal(), "sk-0123456789abcdef");
}

TEST_F(NineOperations, UpdateReachesEveryFieldOfTheContract) {
  const std::string id = create(backend("a"));
  const auto updated = store_->update_backend(id, parse_backend_updates(R"({
    "name": "b", "label": "L", "api_base_url": "https://other/v1", "api": "anthropic", "timeout_seconds": 9.5,
    "rpm_limit": 1, "pool": "fallback", "enabled": 0, "status": "error", "source": "import",
    "cooldown_until": "2026-01-31T09:30:00Z", "consecutive_429_count": 2, "metadata": {"k": [1]},
    "model_mappings": {"m": {"model": "x"}}, "api_key_plain": "sk-fresh-0123456789"})")
                                                      .value());
  ASSERT_TRUE(updated) << updated.error().message;
  const Backend row = get(id);
  EXPECT_EQ(row.name + row.label + row.api_base_url + row.pool + row.source,
            "bLhttps://other/v1fallbackimport");
  EXPECT_EQ(row.api, catalog::Api::anthropic);
  EXPECT_EQ(row.timeout_seconds, 9.5);
  EXPECT_EQ(row.rpm_limit, 1u);
  EXPECT_FALSE(row.enabled);
  EXPECT_EQ(row.status, BackendStatus::error);
  EXPECT_EQ(row.cooldown_until, "2026-01-31T09:30:00Z");
  EXPECT_EQ(row.consecutive_429_count, 2);
  EXPECT_EQ(row.metadata_json, R"({"k":[1]})");
  EXPECT_EQ(row.model_mappings.at(0).model, "x");
  EXPECT_EQ(row.api_key.reveal(), "sk-fresh-0123456789");
  store_->update_backend(id, parse_backend_updates(R"({"cooldown_until": null})").value()).value();
  EXPECT_FALSE(get(id).cooldown_until);
}

TEST_F(NineOperations, UpdateDoesNotApplyUnknownFieldsOrAnEmptyKey) {
  const std::string id = create(backend("a", "primary", "sk-0123456789abcdef"));
  clock_.advance(std::chrono::seconds{10});
  BackendUpdates updates =
      parse_backend_updates(
          R"({"id": "bkd_x", "created_at": "1999-01-01T00:00:00Z", "api_key_encrypted": "x",
          "sql": "x", "api_key_plain": ""})")
          .value();
  ASSERT_TRUE(store_->update_backend(id, std::move(updates)).value());
  const Backend row = get(id);
  EXPECT_EQ(row.created_at, "2023-11-14T22:13:20Z");
  EXPECT_EQ(row.api_key.reveal(), "sk-0123456789abcdef");
  EXPECT_EQ(row.updated_at, "2023-11-14T22:13:30Z") << "updated_at moves";
}

TEST_F(NineOperations, UpdateOfAnAbsentIdIsNone) {
  EXPECT_FALSE(
      store_->update_backend("bkd_none", parse_backend_updates(R"({"label": "x"})").value()).value());
}

TEST_F(NineOperations, UpdateRefusesWrongTypes) {
  for (const char* text :
       {"[]", "{", R"({"rpm_limit": "x"})", R"({"rpm_limit": -1})", R"({"rpm_limit": 1.5})",
        R"({"enabled": "yes"})", R"({"status": "odd"})", R"({"api": "odd"})", R"({"metadata": 1})",
        R"({"model_mappings": []})", R"({"name": null})"})
    EXPECT_FALSE(parse_backend_updates(text)) << text;
}

TEST_F(NineOperations, AKeyStaysReadableWhenTheAddressMoves) {
  const std::string id = create(backend("a", "primary", "sk-0123456789abcdef"));
  store_->update_backend(id, parse_backend_updates(R"({"api_base_url": "https://elsewhere/v1"})").value())
      .value();
  EXPECT_EQ(get(id).api_key.reveal(), "sk-0123456789abcdef");
}

TEST_F(NineOperations, DeleteSaysWhetherARowWent) {
  const std::string id = create(backend("a"));
  EXPECT_TRUE(store_->delete_backend(id).value());
  EXPECT_FALSE(store_->delete_backend(id).value());
  EXPECT_FALSE(store_->get_backend(id).value());
}

TEST_F(NineOperations, SetStatusSaysWhetherARowChanged) {
  const std::string id = create(backend("a"));
  EXPECT_TRUE(store_->set_backend_status(id, BackendStatus::disabled).value());
  EXPECT_EQ(get(id).status, BackendStatus::disabled);
  EXPECT_FALSE(store_->set_backend_status("bkd_none", BackendStatus::healthy).value());
}

TEST_F(NineOperations, ACooldownIsSetAndCleared) {
  const std::string id = create(backend("a"));
  EXPECT_TRUE(store_->set_backend_cooldown(id, "2026-01-31T09:30:00Z", 3).value());
  Backend row = get(id);
  EXPECT_EQ(row.status, BackendStatus::cooling);
  EXPECT_EQ(row.cooldown_until, "2026-01-31T09:30:00Z");
  EXPECT_EQ(row.consecutive_429_count, 3);
  EXPECT_EQ(store_->running_cooldowns().value().size(), 1u);
  EXPECT_TRUE(store_->clear_backend_cooldown(id).value());
  row = get(id);
  EXPECT_EQ(row.status, BackendStatus::healthy);
  EXPECT_FALSE(row.cooldown_until);
  EXPECT_EQ(row.consecutive_429_count, 0);
  EXPECT_TRUE(store_->running_cooldowns().value().empty());
  EXPECT_FALSE(store_->set_backend_cooldown("bkd_none", "2026-01-31T09:30:00Z", 1).value());
  EXPECT_FALSE(store_->clear_backend_cooldown("bkd_none").value());
  EXPECT_FALSE(store_->set_backend_cooldown(id, "soon", 1));
}

TEST_F(NineOperations, PoolStatisticsCountByPool) {
  create(backend("a"));
  Backend off = backend("b");
  off.enabled = false;
  create(std::move(off));
  const std::string cooling = create(backend("c")), broken = create(backend("d", "fallback"));
  store_->set_backend_cooldown(cooling, "2026-01-31T09:30:00Z", 1).value();
  store_->set_backend_status(broken, BackendStatus::error).value();
  const auto stats = store_->get_pool_stats().value();
  ASSERT_EQ(stats.size(), 2u);
  EXPECT_EQ(stats[0].pool, "fallback");
  EXPECT_EQ(stats[0].error, 1);
  EXPECT_EQ(stats[1].total, 3);
  EXPECT_EQ(stats[1].enabled, 2);
  EXPECT_EQ(stats[1].healthy, 2);
  EXPECT_EQ(stats[1].cooling, 1);
}

TEST_F(NineOperations, AnotherMasterKeyDoesNotBreakReadingTheRow) {
  const std::string id = create(backend("a", "primary", "sk-0123456789abcdef"));
  store_.reset();
  store_ = opened(2);
  EXPECT_FALSE(store_->master_key_fits());
  const Backend row = get(id);
  EXPECT_EQ(row.name, "a");
  EXPECT_TRUE(row.api_key.empty());
  EXPECT_EQ(row.key_state, KeyState::unreadable);
  EXPECT_EQ(store_->create_backend(backend("b", "primary", "sk-other-0123456789")).error().kind,
            base::ErrorKind::key_unreadable)
      << "two master keys of one number must not mix";
  EXPECT_TRUE(store_->create_backend(backend("c")));
  store_.reset();
  store_ = opened(1);
  EXPECT_TRUE(store_->master_key_fits());
  EXPECT_EQ(get(id).api_key.reveal(), "sk-0123456789abcdef");
}

TEST_F(NineOperations, ADamagedKeyDoesNotBreakReadingTheRow) {
  const std::string id = create(backend("a", "primary", "sk-0123456789abcdef"));
  edit("UPDATE backends SET api_key_encrypted = substr(api_key_encrypted, 1, 40)");
  EXPECT_EQ(get(id).key_state, KeyState::unreadable);
  EXPECT_TRUE(get(id).api_key.empty());
  EXPECT_TRUE(store_->master_key_fits());
  EXPECT_EQ(store_->list_backends(std::nullopt, false, true).value().size(), 1u);
  store_->update_backend(id, parse_backend_updates(R"({"label": "still editable"})").value()).value();
  EXPECT_EQ(get(id).label, "still editable");
}

TEST_F(NineOperations, AKeyThatWasMovedDoesNotOpen) {
  const std::string first = create(backend("a", "primary", "sk-0123456789abcdef")),
                    second = create(backend("b"));
  edit("UPDATE backends SET api_key_encrypted = (SELECT api_key_encrypted FROM backends WHERE name = 'a')");
  EXPECT_EQ(get(second).key_state, KeyState::unreadable);
  edit("UPDATE backends SET api_base_url = 'https://evil.example/v1' WHERE name = 'a'");
  EXPECT_EQ(get(first).key_state, KeyState::unreadable)
      << "an origin edited in the database must not get the key";
}

TEST_F(NineOperations, KeysFromBeforeEncryptionAreReadable) {
  const std::string id = create(backend("a"));
  edit("UPDATE backends SET api_key_encrypted = 'sk-legacy-plain-key'");
  EXPECT_EQ(get(id).api_key.reveal(), "sk-legacy-plain-key");
  EXPECT_EQ(get(id).api_key_hint, "****-key");
}

TEST_F(NineOperations, NoClearKeyStandsInAnyFile) {
  const std::string id = create(backend("a", "primary", "sk-canary-one-0123456789"));
  store_
      ->update_backend(id, parse_backend_updates(R"({"api_key_plain": "sk-canary-two-0123456789"})").value())
      .value();
  const auto document =
      R"({"backends": [{"name": "f", "api_base_url": "https://f/v1", "api_key": "sk-canary-three-012345"}],
                            "client_keys": [{"name": "k", "key": "hw-canary-four-0123456789"}]})";
  ASSERT_TRUE(store_->apply(catalog::parse_configuration(document, {}).configuration, "test"));
  EXPECT_THAT(all_bytes(), Not(HasSubstr("canary"))) << "while it is open: the write-ahead log too";
  store_.reset();
  const std::string bytes = all_bytes();
  EXPECT_THAT(bytes, HasSubstr("hwe1:"));
  EXPECT_THAT(bytes, Not(HasSubstr("canary")));
}

}  // namespace
}  // namespace headworks::store
