#include "catalog/snapshot.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/random.hpp"
#include "catalog/bundled_prices.hpp"
#include "catalog/utc_time.hpp"

namespace headworks::catalog {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Backend backend(std::string name, std::string pool = "primary") {
  Backend row;
  row.id = "bkd_" + name;
  row.name = std::move(name);
  row.api_base_url = "https://" + row.name + ".example/v1";
  row.pool = std::move(pool);
  return row;
}

ModelMapping mapping(std::string canonical, std::string model) {
  return {.canonical = std::move(canonical), .model = std::move(model)};
}

Rows rows_of(std::vector<Backend> backends) {
  Rows rows;
  rows.pools = {{.name = "primary"}, {.name = "fallback", .position = 1}};
  rows.backends = std::move(backends);
  return rows;
}

template <class... Backends>
Rows rows_with(Backends&&... backends) {
  std::vector<Backend> list;
  (list.push_back(std::forward<Backends>(backends)), ...);
  return rows_of(std::move(list));
}

std::shared_ptr<const Snapshot> built(Rows rows, const Snapshot* previous = nullptr) {
  auto snapshot = Snapshot::build(std::move(rows), previous);
  if (!snapshot) throw std::runtime_error(snapshot.error().message);
  return *snapshot;
}

std::string why_not(Rows rows) {
  const auto snapshot = Snapshot::build(std::move(rows), nullptr);
  if (snapshot) return "";
  EXPECT_EQ(snapshot.error().kind, base::ErrorKind::invalid_configuration);
  return snapshot.error().message;
}

// "primary: a=m b=m | fallback: c=m"
std::string text_of(const Route& route) {
  std::string text;
  for (const Tier& tier : route.tiers) {
    text += (text.empty() ? "" : " | ") + tier.pool->name + ":";
    for (const Target& target : tier.targets) text += " " + target.backend->row.name + "=" + target.model;
  }
  return text;
}

TEST(Route, FollowsTheOrderOfThePoolsThenOfTheRows) {
  const auto snapshot = built(rows_with(backend("c", "fallback"), backend("b"), backend("a")));
  EXPECT_EQ(text_of(snapshot->make_route(Api::openai, "m")), "primary: b=m a=m | fallback: c=m");
}

TEST(Route, AnEmptyPoolIsNoTier) {
  const auto snapshot = built(rows_with(backend("only", "fallback")));
  EXPECT_EQ(text_of(snapshot->make_route(Api::openai, "m")), "fallback: only=m");
}

TEST(Route, ExactWinsOverWildcardAndLongerLiteralOverShorter) {
  Backend row = backend("a");
  row.model_mappings = {mapping("*", "any/*"), mapping("qwen-*", "qwen/*"), mapping("qwen-3-*", "q3/*"),
                        mapping("qwen-3-8b", "exactly")};
  const auto snapshot = built(rows_with(std::move(row)));
  EXPECT_EQ(text_of(snapshot->make_route(Api::openai, "qwen-3-8b")), "primary: a=exactly");
  EXPECT_EQ(text_of(snapshot->make_route(Api::openai, "qwen-3-32b")), "primary: a=q3/32b");
  EXPECT_EQ(text_of(snapshot->make_route(Api::openai, "qwen-2")), "primary: a=qwen/2");
  EXPECT_EQ(text_of(snapshot->make_route(Api::openai, "llama")), "primary: a=any/llama");
}

TEST(Route, ABackendWithMappingsServesOnlyThose) {
  Backend mapped = backend("mapped");
  mapped.model_mappings = {mapping("fast", "meta/8b")};
  mapped.model_mappings[0].context_tokens = 128000;
  const auto snapshot = built(rows_with(std::move(mapped), backend("open")));
  EXPECT_EQ(text_of(snapshot->make_route(Api::openai, "fast")), "primary: mapped=meta/8b open=fast");
  EXPECT_EQ(snapshot->make_route(Api::openai, "fast").tiers[0].targets[0].context_tokens, 128000u);
  EXPECT_EQ(text_of(snapshot->make_route(Api::openai, "slow")), "primary: open=slow");
}

TEST(Route, LeavesOutOtherDialectsAndUnusableBackends) {
  Backend other = backend("other"), off = backend("off"), disabled = backend("disabled"),
          locked = backend("locked");
  Backend cooling = backend("cooling");
  other.api = Api::anthropic;
  off.enabled = false;
  disabled.status = BackendStatus::disabled;
  locked.key_state = KeyState::unreadable;
  cooling.status = BackendStatus::cooling;
  const auto snapshot = built(rows_with(std::move(other), std::move(off), std::move(disabled),
                                        std::move(locked), std::move(cooling)));
  EXPECT_EQ(text_of(snapshot->make_route(Api::openai, "m")), "primary: cooling=m");
  EXPECT_EQ(text_of(snapshot->make_route(Api::anthropic, "m")), "primary: other=m");
}

TEST(Route, WithoutAModelEveryUsableBackendOfTheDialectWillDo) {
  Backend mapped = backend("mapped");
  mapped.model_mappings = {mapping("fast", "meta/8b")};
  const auto snapshot = built(rows_with(std::move(mapped), backend("open")));
  EXPECT_EQ(text_of(snapshot->make_route(Api::openai, "")), "primary: mapped= open=");
  EXPECT_TRUE(snapshot->make_route(Api::anthropic, "").empty());
}

TEST(Snapshot, ListsCanonicalNamesOnceAndSorted) {
  Backend first = backend("a"), second = backend("b"), off = backend("c");
  first.model_mappings = {mapping("zeta", "z"), mapping("alpha", "a"), mapping("qwen-*", "qwen/*")};
  second.model_mappings = {mapping("alpha", "other")};
  off.model_mappings = {mapping("hidden", "h")};
  off.enabled = false;
  const auto snapshot = built(rows_with(std::move(first), std::move(second), std::move(off)));
  EXPECT_THAT(snapshot->listed_models(), ElementsAre("alpha", "zeta"));
}

TEST(Snapshot, FindsBackendsByIdAndByName) {
  const auto snapshot = built(rows_with(backend("a"), backend("b")));
  EXPECT_EQ(snapshot->find_backend("b"), &snapshot->backends()[1]);
  EXPECT_EQ(snapshot->find_backend("bkd_b"), &snapshot->backends()[1]);
  EXPECT_EQ(snapshot->backends()[1].index, 1u);
  EXPECT_EQ(snapshot->backends()[1].url.host, "b.example");
  EXPECT_EQ(snapshot->find_backend("c"), nullptr);
}

TEST(Snapshot, SaysWhyRowsCannotBecomeOne) {
  const auto with = [](auto change) {
    Backend row = backend("a");
    change(row);
    return why_not(rows_with(std::move(row)));
  };
  EXPECT_THAT(with([](Backend& row) { row.pool = "gold"; }), HasSubstr("no pool 'gold'"));
  EXPECT_THAT(with([](Backend& row) { row.api_base_url = "ftp://x"; }), HasSubstr("backend 'a'"));
  EXPECT_THAT(with([](Backend& row) { row.id.clear(); }), HasSubstr("no id"));
  EXPECT_THAT(with([](Backend& row) { row.name.clear(); }), HasSubstr("no name"));
  EXPECT_THAT(with([](Backend& row) { row.model_mappings = {mapping("a*b*", "x")}; }), HasSubstr("one *"));
  EXPECT_THAT(with([](Backend& row) { row.model_mappings = {mapping("a", "x*")}; }), HasSubstr("one *"));
  EXPECT_THAT(with([](Backend& row) { row.model_mappings = {mapping("a", "")}; }),
              HasSubstr("without a name"));
  EXPECT_THAT(why_not(rows_with(backend("a"), backend("a"))), HasSubstr("two backends of the id"));
  Backend twin = backend("a");
  twin.id = "bkd_other";
  EXPECT_THAT(why_not(rows_with(backend("a"), std::move(twin))), HasSubstr("two backends of the name 'a'"));
  Rows rows = rows_with(backend("a"));
  rows.pools.push_back({.name = "primary"});
  EXPECT_THAT(why_not(std::move(rows)), HasSubstr("two pools"));
  rows = rows_with(backend("a"));
  rows.pools[0].strategy = "magic";
  EXPECT_THAT(why_not(std::move(rows)), HasSubstr("no strategy 'magic'"));
}

TEST(Snapshot, ADisabledBackendMayBeBroken) {
  Backend row = backend("a");
  row.enabled = false;
  row.api_base_url = "nonsense";
  EXPECT_EQ(why_not(rows_with(std::move(row), backend("b"))), "");
}

TEST(Gauges, AreCarriedOverByIdAndKeepTheRecentStarts) {
  const base::TimePoint now{std::chrono::hours{1}};
  Backend row = backend("a");
  row.rpm_limit = 2;
  const auto first = built(rows_with(row.copy()));
  ASSERT_TRUE(first->backends()[0].gauge->bucket().take(now));

  Backend renamed = row.copy();
  renamed.name = "renamed";
  const auto second = built(rows_with(backend("new"), std::move(renamed)), first.get());
  EXPECT_EQ(second->backends()[1].gauge, first->backends()[0].gauge);

  Backend narrower = row.copy();
  narrower.rpm_limit = 1;
  const auto third = built(rows_with(std::move(narrower)), second.get());
  EXPECT_FALSE(third->backends()[0].gauge->bucket().take(now))
      << "a change of the limit must not forget a start";

  Rows wider = rows_with(row.copy());
  wider.settings.buckets.margin_ms = 10'000;
  const auto fourth = built(std::move(wider), first.get());
  EXPECT_EQ(fourth->backends()[0].gauge->bucket().window(), std::chrono::seconds{70});
  first->backends()[0].gauge->places().enter(0);
  EXPECT_EQ(fourth->backends()[0].gauge->in_flight(), 1u);
}

TEST(Gauges, AnotherKeyIsAnotherAccountButTheStartsStay) {
  const base::TimePoint now{std::chrono::hours{1}};
  Backend row = backend("a");
  row.rpm_limit = 1;
  row.api_key = base::Secret("sk-first");
  const auto first = built(rows_with(row.copy()));
  gauges::BackendGauge& before = *first->backends()[0].gauge;
  ASSERT_TRUE(before.bucket().take(now));
  before.recovery().cool(now + std::chrono::minutes{10}, gauges::Recovery::Because::failing);

  const auto same = built(rows_with(row.copy()), first.get());
  EXPECT_EQ(same->backends()[0].gauge, first->backends()[0].gauge);
  row.api_key = base::Secret("sk-second");
  const auto second = built(rows_with(row.copy()), same.get());
  gauges::BackendGauge& after = *second->backends()[0].gauge;
  EXPECT_FALSE(after.recovery().cooling(now));
  EXPECT_FALSE(after.bucket().take(now));
  EXPECT_TRUE(before.recovery().cooling(now)) << "who still runs on the old snapshot sees the old account";
}

TEST(ClientKeys, TheKeyBeforeARotationIsGoodUntilTheOverlapEnds) {
  Rows rows = rows_of({});
  ClientKey row;
  row.id = "key_1", row.name = "one";
  row.digest.fill(1), row.previous_digest.fill(2);
  row.previous_until = "2026-01-31T09:30:00Z";
  rows.client_keys.push_back(row);
  const auto snapshot = built(std::move(rows));
  const base::WallTime end = *parse_utc("2026-01-31T09:30:00Z");
  const base::WallTime before = end - std::chrono::seconds{1};
  EXPECT_NE(snapshot->find_client_key(row.previous_digest, before), nullptr);
  EXPECT_EQ(snapshot->find_client_key(row.previous_digest, end), nullptr);
  EXPECT_NE(snapshot->find_client_key(row.digest, end), nullptr);
}

TEST(Gauges, AnotherBackendOfTheSameNameStartsAfresh) {
  const auto first = built(rows_with(backend("a")));
  Backend other = backend("a");
  other.id = "bkd_other";
  const auto second = built(rows_with(std::move(other)), first.get());
  EXPECT_NE(second->backends()[0].gauge, first->backends()[0].gauge);
}

ClientKey client_key(std::uint32_t number) {
  ClientKey row;
  row.id = "key_" + std::to_string(number);
  row.name = "k" + std::to_string(number);
  base::Random random(number);
  for (auto& byte : row.digest) byte = static_cast<std::uint8_t>(random.next());
  return row;
}

TEST(ClientKeys, AreFoundByDigestAmongMany) {
  Rows rows = rows_of({});
  for (std::uint32_t number = 0; number < 1000; ++number) rows.client_keys.push_back(client_key(number));
  const auto snapshot = built(std::move(rows));
  for (std::uint32_t number = 0; number < 1000; ++number) {
    const ClientKeyEntry* found = snapshot->find_client_key(client_key(number).digest, {});
    ASSERT_NE(found, nullptr);
    EXPECT_EQ(found->row.name, "k" + std::to_string(number));
    KeyDigest near = client_key(number).digest;
    near[31] ^= 1;
    EXPECT_EQ(snapshot->find_client_key(near, {}), nullptr);
  }
}

TEST(ClientKeys, NoKeysMeansNobody) { EXPECT_EQ(built(rows_of({}))->find_client_key({}, {}), nullptr); }

TEST(ClientKeys, DigestsThatFallOnOnePlaceAreToldApart) {
  Rows rows = rows_of({});
  for (std::uint8_t number = 0; number < 50; ++number) {
    ClientKey row = client_key(number);
    row.digest.fill(0xff);
    row.digest[31] = number;
    rows.client_keys.push_back(row);
  }
  const auto snapshot = built(std::move(rows));
  for (std::uint8_t number = 0; number < 50; ++number) {
    KeyDigest digest;
    digest.fill(0xff);
    digest[31] = number;
    EXPECT_EQ(snapshot->find_client_key(digest, {})->row.id, "key_" + std::to_string(number));
  }
  KeyDigest stranger;
  stranger.fill(0xff);
  EXPECT_EQ(snapshot->find_client_key(stranger, {}), nullptr);
}

TEST(ClientKeys, TwoThatAreTheSameKeyAreRefused) {
  Rows rows = rows_of({});
  rows.client_keys = {client_key(1), client_key(1)};
  rows.client_keys[1].id = "key_2";
  EXPECT_THAT(why_not(std::move(rows)), HasSubstr("are the same key"));
}

TEST(ClientKeys, ExpireWhenTheRowSaysSo) {
  Rows rows = rows_of({});
  rows.client_keys = {client_key(1), client_key(2)};
  rows.client_keys[1].expires_at = "2026-01-31T09:30:00Z";
  const auto snapshot = built(std::move(rows));
  EXPECT_EQ(snapshot->client_keys()[0].expires_at, base::WallTime::max());
  EXPECT_EQ(snapshot->client_keys()[1].expires_at, base::WallTime{std::chrono::seconds{1'769'851'800}});
  rows = rows_of({});
  rows.client_keys = {client_key(1)};
  rows.client_keys[0].expires_at = "tomorrow";
  EXPECT_THAT(why_not(std::move(rows)), HasSubstr("expires_at"));
}

TEST(ClientKeys, AllowModelsByPattern) {
  ClientKeyEntry entry;
  EXPECT_TRUE(entry.allows("anything"));
  entry.row.models = {"llama-*", "gpt"};
  EXPECT_TRUE(entry.allows("llama-70b"));
  EXPECT_TRUE(entry.allows("gpt"));
  EXPECT_FALSE(entry.allows("gpt-4"));
  entry.row.models.clear();
  EXPECT_FALSE(entry.allows("gpt"));
}

TEST(ClientKeys, GaugesAreCarriedOver) {
  Rows rows = rows_of({});
  rows.client_keys = {client_key(1)};
  const auto first = built(std::move(rows));
  rows = rows_of({});
  rows.client_keys = {client_key(2), client_key(1)};
  rows.client_keys[1].rpm_limit = 5;
  const auto second = built(std::move(rows), first.get());
  first->client_keys()[0].gauge->places().enter(0);
  EXPECT_EQ(second->client_keys()[1].gauge->in_flight(), 1u);
  EXPECT_EQ(second->client_keys()[0].gauge->in_flight(), 0u);
}

TEST(Prices, TheClosestPatternWins) {
  Rows rows = rows_of({});
  rows.prices = {
      {.model = "*", .input = 1}, {.model = "llama-*", .input = 2}, {.model = "llama-70b", .input = 3}};
  const auto snapshot = built(std::move(rows));
  EXPECT_EQ(snapshot->find_price("llama-70b")->input, 3);
  EXPECT_EQ(snapshot->find_price("llama-8b")->input, 2);
  EXPECT_EQ(snapshot->find_price("other")->input, 1);
}

double input_price(const Snapshot& snapshot, std::string_view model) {
  const Route route = snapshot.make_route(Api::openai, model);
  const Price* price = route.tiers.at(0).targets.at(0).price;
  return price == nullptr ? -1 : price->input;
}

TEST(Snapshot, TheBundledTableFillsTheGapsForTheProvidersThatItKnows) {
  const BundledPrices& bundled = BundledPrices::get();
  EXPECT_TRUE(parse_utc(bundled.date() + "T00:00:00Z")) << bundled.date();
  EXPECT_THAT(bundled.source(), HasSubstr("https://"));
  const Price* listed = bundled.find("api.openai.com", "gpt-4o-mini");
  ASSERT_NE(listed, nullptr);
  EXPECT_GT(listed->output, listed->input);
  EXPECT_GT(listed->input, listed->cached_input);
  EXPECT_EQ(bundled.find("api.openai.com.evil.example", "gpt-4o-mini"), nullptr);
  EXPECT_EQ(bundled.find("api.openai.com", "no-such-model"), nullptr);

  Backend known = backend("known");
  known.api_base_url = "https://api.openai.com/v1";
  known.model_mappings = {mapping("small", "gpt-4o-mini"), mapping("other", "own-tune"), mapping("mine", "gpt-4o-mini")};
  Rows rows = rows_with(known.copy());
  rows.prices = {{.model = "mine", .input = 7}};
  const auto snapshot = built(std::move(rows));
  EXPECT_EQ(input_price(*snapshot, "small"), listed->input) << "by what the provider calls it";
  EXPECT_EQ(input_price(*snapshot, "mine"), 7) << "the operator's own price comes first";
  EXPECT_EQ(input_price(*snapshot, "other"), -1);
  const auto elsewhere = built(rows_with(backend("elsewhere")));
  EXPECT_EQ(input_price(*elsewhere, "gpt-4o-mini"), -1) << "another host may ask what it likes";
}

TEST(BundledPrices, EveryPatternHoldsOneStarAtMostAndNoPriceIsNegative) {
  for (const BundledPrices::Provider& provider : BundledPrices::get().providers()) {
    EXPECT_FALSE(provider.hosts.empty());
    for (const Price& price : provider.prices) {
      EXPECT_LE(std::count(price.model.begin(), price.model.end(), '*'), 1) << price.model;
      EXPECT_GE(std::min({price.input, price.output, price.cached_input}), 0) << price.model;
    }
  }
}

}  // namespace
}  // namespace headworks::catalog
