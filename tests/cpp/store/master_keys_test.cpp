// How often a master key seals, and by which algorithm.
#include <future>

#include "catalog/key_references.hpp"
#include "store/master_keys_table.hpp"
#include "store_fixture.hpp"
#include "vault/envelope.hpp"

namespace headworks::store {
namespace {

using testing::HasSubstr;

constexpr std::string_view kSecret = "sk-0123456789abcdef";

class MasterKeysOfStore : public StoreTest {
 protected:
  Store::MasterKeys state() { return answer([&](auto done) { return store_->post_master_keys(std::move(done)); }).value(); }

  template <class Post>
  base::Result<Store::MasterKeys> answer(Post post) {
    std::promise<base::Result<Store::MasterKeys>> promise;
    EXPECT_TRUE(post([&promise](base::Result<Store::MasterKeys> keys) { promise.set_value(std::move(keys)); }));
    return promise.get_future().get();
  }

  Connection database() { return Connection::open(path(), Connection::Mode::writer, std::chrono::milliseconds{50}); }

  void edit(const std::string& sql) {
    store_.reset();
    database().execute(sql.c_str());
    store_ = opened();
  }

  vault::Algorithm algorithm_of(const std::string& name) {
    store_.reset();
    Connection db = database();
    Query found = db.query("SELECT api_key_encrypted FROM backends WHERE name = ?", name);
    EXPECT_TRUE(found.next());
    return vault::parse_envelope(found.text(0)).value().algorithm;
  }

  std::unique_ptr<Store> store_ = opened();
};

TEST_F(MasterKeysOfStore, EverySealIsCountedAndAReadingIsNot) {
  EXPECT_EQ(state().keys.front().seals, 1) << "the check of the key itself";
  const auto made = store_->create_backend(backend("a", "primary", kSecret)).value();
  store_->create_backend(backend("keyless")).value();
  EXPECT_EQ(state().keys.front().seals, 2);
  store_->get_backend(made.id).value();
  store_->update_backend(made.id, parse_backend_updates(R"({"label": "x"})").value()).value();
  EXPECT_EQ(state().keys.front().seals, 2);
  store_->update_backend(made.id, parse_backend_updates(R"({"api_key_plain": "sk-another-0123456789"})").value()).value();
  EXPECT_EQ(state().keys.front().seals, 3);
  store_.reset();
  store_ = opened();
  EXPECT_EQ(state().keys.front().seals, 3) << "it outlives the process";
}

TEST_F(MasterKeysOfStore, AtItsBoundAKeySealsNoMoreAndSaysWhatToDo) {
  const auto made = store_->create_backend(backend("a", "primary", kSecret)).value();
  edit("UPDATE master_key_seals SET seals = " + std::to_string(kMaxSeals - 1));
  store_->create_backend(backend("last", "primary", kSecret)).value();
  EXPECT_EQ(state().keys.front().seals, kMaxSeals);

  const auto refused = store_->create_backend(backend("b", "primary", kSecret));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, base::ErrorKind::conflict);
  EXPECT_THAT(refused.error().message, HasSubstr("master key 1 has sealed 2147483648 times"));
  EXPECT_THAT(refused.error().hint, HasSubstr("headworks master-key add"));
  EXPECT_FALSE(
      store_->update_backend(made.id, parse_backend_updates(R"({"api_key_plain": "sk-another-0123456789"})").value()));
  EXPECT_EQ(store_->list_backends().value().size(), 2u) << "nothing of it stays";
  EXPECT_EQ(store_->get_backend(made.id).value()->api_key.reveal(), kSecret) << "it still opens";
  store_->update_backend(made.id, parse_backend_updates(R"({"label": "x"})").value()).value();
  store_.reset();
  store_ = opened();
  EXPECT_TRUE(store_->master_key_fits());
}

TEST_F(MasterKeysOfStore, AKeyInClearIsReadUntilARotationHasSealedAll) {
  const auto made = store_->create_backend(backend("a", "primary", kSecret)).value();
  const auto rewrap = [&] { return answer([&](auto done) { return store_->post_rewrap(100, std::move(done)); }).value(); };
  edit("UPDATE backends SET api_key_encrypted = 'sk-before-there-were-seals'");
  EXPECT_EQ(store_->get_backend(made.id).value()->api_key.reveal(), "sk-before-there-were-seals");
  EXPECT_EQ(rewrap().rewrapped, 1u);
  EXPECT_EQ(store_->get_backend(made.id).value()->api_key.reveal(), "sk-before-there-were-seals");

  edit("UPDATE backends SET api_key_encrypted = 'sk-of-somebody-else'");
  EXPECT_EQ(store_->get_backend(made.id).value()->key_state, catalog::KeyState::unreadable) << "there is no way back";
  EXPECT_EQ(rewrap().rewrapped, 0u) << "a rotation does not make it a key";
  EXPECT_THAT(state().unreadable, testing::ElementsAre("a"));
  store_->update_backend(made.id, parse_backend_updates(R"({"api_key_plain": "sk-given-anew-0123456789"})").value()).value();
  EXPECT_EQ(store_->get_backend(made.id).value()->api_key.reveal(), "sk-given-anew-0123456789");
}

TEST_F(MasterKeysOfStore, TheSettingDecidesTheAlgorithmAndBothAreRead) {
  const std::string fast{vault::name_of(vault::Sealer(ring()).algorithm())};
  EXPECT_EQ(state().algorithm, fast);
  store_->create_backend(backend("before", "primary", kSecret)).value();
  const auto configured = [&](const char* alg) {
    const std::string text = std::string(R"({"version": 1, "settings": {"crypto": {"alg": ")") + alg +
                             R"("}}, "backends": [{"name": ")" + alg +
                             R"(", "api_base_url": "https://x.example/v1", "api_key": "sk-file-0123456789"}]})";
    auto parsed = catalog::parse_configuration(text, catalog::unresolved_references());
    ASSERT_TRUE(parsed.ok()) << catalog::format_problems(parsed.problems);
    store_->apply(std::move(parsed.configuration), "test").value();
  };
  configured("xchacha20");
  EXPECT_EQ(state().algorithm, "xchacha20");
  EXPECT_EQ(algorithm_of("xchacha20"), vault::Algorithm::xchacha20_poly1305) << "the change that says it obeys it";
  EXPECT_EQ(vault::name_of(algorithm_of("before")), fast);
  store_ = opened();  // algorithm_of() looks into the file
  for (const catalog::Backend& row : store_->list_backends(std::nullopt, false, true).value())
    EXPECT_EQ(row.key_state, catalog::KeyState::readable) << row.name;
  configured("aes256gcm");
  EXPECT_EQ(vault::name_of(algorithm_of("aes256gcm")), fast);
}

TEST_F(MasterKeysOfStore, AnotherAlgorithmIsNoSetting) {
  const auto parsed = catalog::parse_configuration(R"({"version": 1, "settings": {"crypto": {"alg": "rot13"}}})",
                                                   catalog::unresolved_references());
  ASSERT_FALSE(parsed.ok());
  EXPECT_EQ(parsed.problems.front().path, "$.settings.crypto.alg");
}

}  // namespace
}  // namespace headworks::store
