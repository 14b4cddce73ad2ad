#include "catalog/configuration.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <fstream>
#include <sstream>

#include "base/random.hpp"

namespace headworks::catalog {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

std::string fixture(const std::string& name) {
  std::ifstream file(std::string(HEADWORKS_FIXTURES) + "/config/" + name);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

KeySource checked() {
  return {.references = KeySource::References::checked, .resolve = {}, .warn_of_literals = true};
}

KeySource resolved() {
  return {.references = KeySource::References::resolved,
          .resolve = [](std::string_view reference) -> base::Result<base::Secret> {
            if (reference == "${MISSING}")
              return base::fail(base::ErrorKind::invalid_configuration, "the environment has no MISSING");
            return base::Secret("clear-of-" + std::string(reference.substr(2, reference.size() - 3)));
          },
          .warn_of_literals = true};
}

std::vector<Problem> problems_of(std::string_view text) {
  return parse_configuration(text, checked()).problems;
}

// The one problem of a document, as "path: message (hint)".
std::string problem_of(std::string_view text) {
  const auto problems = problems_of(text);
  if (problems.size() != 1) return std::to_string(problems.size()) + " problems " + format_problems(problems);
  return problems[0].path + ": " + problems[0].message + " (" + problems[0].hint + ")";
}

// A document with one backend that has these extra fields.
std::string with_backend(const std::string& fields) {
  return R"({"backends": [{"name": "a", "api_base_url": "https://a.example/v1", )" + fields + "}]}";
}

TEST(Configuration, TheExampleOfTheSurfaceIsUnderstoodWhole) {
  const auto parsed = parse_configuration(fixture("surface.json"), resolved());
  ASSERT_TRUE(parsed.ok()) << format_problems(parsed.problems);
  EXPECT_THAT(parsed.warnings, IsEmpty());
  const Configuration& made = parsed.configuration;
  EXPECT_EQ(made.listen, "127.0.0.1:8080");
  EXPECT_EQ(made.admin_listen, "127.0.0.1:8081");
  EXPECT_EQ(made.settings.retry.max_attempts, 3u);
  EXPECT_EQ(made.settings.limits.body_bytes, 33'554'432u);
  EXPECT_TRUE(made.settings.route_headers);
  EXPECT_THAT(made.given_settings, Contains(Setting{"retry.max_attempts", "3"}));
  EXPECT_THAT(made.given_settings, Contains(Setting{"route_headers", "true"}));
  ASSERT_EQ(made.pools.size(), 2u);
  EXPECT_EQ(made.pools[1].name, "fallback");
  EXPECT_EQ(made.pools[1].position, 1);
  ASSERT_EQ(made.backends.size(), 1u);
  const Backend& row = made.backends[0];
  EXPECT_EQ(row.name, "nim-1");
  EXPECT_EQ(row.label, "NVIDIA key 1");
  EXPECT_EQ(row.api_key.reveal(), "clear-of-NIM_KEY_1");
  EXPECT_EQ(row.rpm_limit, 40u);
  EXPECT_EQ(row.timeout_seconds, 120);
  EXPECT_EQ(row.source, "file");
  EXPECT_EQ(row.metadata_json, R"({"owner":"team-a"})");
  ASSERT_EQ(row.model_mappings.size(), 3u);
  EXPECT_EQ(row.model_mappings[0].model, "meta/llama-3.1-70b-instruct");
  EXPECT_EQ(row.model_mappings[1].context_tokens, 128'000u);
  EXPECT_EQ(row.model_mappings[2].canonical, "qwen-*");
  ASSERT_EQ(made.client_keys.size(), 1u);
  EXPECT_EQ(made.client_keys[0].key.reveal(), "clear-of-APP_KEY");
  EXPECT_EQ(made.client_keys[0].row.budgets.at(0).usd, 10);
  EXPECT_FALSE(made.client_keys[0].row.expires_at);
  EXPECT_EQ(made.prices.at(0).cached_input, 0.1);
  EXPECT_THAT(made.plugins.modules, ElementsAre("my_company.routing"));
}

TEST(Configuration, AnEmptyDocumentIsTheDefaults) {
  const auto parsed = parse_configuration("{}", checked());
  ASSERT_TRUE(parsed.ok());
  EXPECT_EQ(parsed.configuration.settings.retry.max_attempts, 3u);
  EXPECT_THAT(parsed.configuration.given_settings, IsEmpty());
  EXPECT_FALSE(parsed.configuration.listen);
}

TEST(Configuration, EveryProblemIsReportedAtOnceWithItsPath) {
  const auto problems = problems_of(R"({
    "lisen": "x",
    "settings": {"retry": {"max_attempts": 0, "max_atempts": 3}},
    "backends": [
      {"name": "a", "api_base_url": "https://a/v1", "rpm_limit": -1, "api": "opnai"},
      {"name": "a", "api_base_url": "ftp://b", "weight": 1.5, "base_url": "x"},
      {"label": "no name"}],
    "client_keys": [{"name": "k", "budgets": [{"usd": 1, "window": "week"}], "expires_at": "soon"}]})");
  std::vector<std::string> paths;
  for (const Problem& problem : problems) paths.push_back(problem.path);
  EXPECT_THAT(paths, ElementsAre("$.lisen", "$.settings.retry.max_attempts", "$.settings.retry.max_atempts",
                                 "$.backends[0].rpm_limit", "$.backends[0].api", "$.backends[1].api_base_url",
                                 "$.backends[1].weight", "$.backends[1].base_url", "$.backends[1].name",
                                 "$.backends[2].name", "$.backends[2].api_base_url",
                                 "$.client_keys[0].budgets[0].window", "$.client_keys[0].expires_at"));
}

TEST(Configuration, SaysWhatToWriteInstead) {
  EXPECT_EQ(problem_of(R"({"backend": []})"),
            "$.backend: there is no such section (did you mean 'backends'?)");
  EXPECT_EQ(problem_of(with_backend(R"("rpm": 40)")),
            "$.backends[0].rpm: there is no such field (did you mean 'rpm_limit'?)");
  EXPECT_EQ(problem_of(with_backend(R"("base_url": "x")")),
            "$.backends[0].base_url: there is no such field (did you mean 'api_base_url'?)");
  EXPECT_EQ(problem_of(with_backend(R"("api": "antropic")")),
            "$.backends[0].api: 'antropic' is not known here (did you mean 'anthropic'?)");
  EXPECT_EQ(problem_of(with_backend(R"("api": "cohere")")),
            "$.backends[0].api: 'cohere' is not known here (one of: openai, anthropic)");
  EXPECT_EQ(problem_of(with_backend(R"("rpm_limit": 4.5)")),
            "$.backends[0].rpm_limit: must be a whole number from 0 to 1000000000 ()");
  EXPECT_EQ(problem_of(with_backend(R"("rpm_limit": "40")")),
            "$.backends[0].rpm_limit: must be a whole number, not a text ()");
  EXPECT_EQ(problem_of(with_backend(R"("enabled": "yes")")),
            "$.backends[0].enabled: must be true or false, not a text ()");
  EXPECT_EQ(problem_of(with_backend(R"("id": "bkd_1")")),
            "$.backends[0].id: this field is read-only (leave it out)");
  EXPECT_EQ(problem_of(R"({"version": 2})"),
            "$.version: this version of the document is not known (version: 1)");
  EXPECT_EQ(problem_of(R"({"pools": [{"name": "p", "strategy": "weigted"}]})"),
            "$.pools[0].strategy: 'weigted' is not known here (did you mean 'weighted'?)");
  EXPECT_THAT(problem_of("{"), HasSubstr("this is not JSON"));
  EXPECT_THAT(problem_of("[]"), HasSubstr("$: must be an object, not a list"));
}

TEST(Configuration, NumbersOutOfAnyRangeAreRefused) {
  for (const char* number :
       {"-1", "9223372036854775808", "18446744073709551616", "1e400", "4294967296", "0.5"}) {
    const auto parsed =
        parse_configuration(with_backend(std::string(R"("rpm_limit": )") + number), checked());
    EXPECT_FALSE(parsed.ok()) << number;
  }
}

TEST(Configuration, ABackendNamesAPoolThatTheDocumentKnows) {
  EXPECT_TRUE(problems_of(with_backend(R"("pool": "fallback")")).empty());
  EXPECT_THAT(problem_of(with_backend(R"("pool": "primry")")),
              AllOf(HasSubstr("$.backends[0].pool"), HasSubstr("did you mean 'primary'?")));
  EXPECT_THAT(
      problem_of(
          R"({"pools": [{"name": "gold"}], "backends": [{"name": "a", "api_base_url": "https://a"}]})"),
      HasSubstr("there is no pool 'primary'"));
}

TEST(Configuration, MappingsHoldAtMostOneStarOnEachSide) {
  EXPECT_TRUE(problems_of(with_backend(R"("model_mappings": {"a-*": "b", "*": "c/*"})")).empty());
  EXPECT_THAT(problem_of(with_backend(R"("model_mappings": {"a-*-*": "b"})")),
              HasSubstr("$.backends[0].model_mappings[\"a-*-*\"]"));
  EXPECT_THAT(problem_of(with_backend(R"("model_mappings": {"a": "b*"})")), HasSubstr("one *"));
  EXPECT_THAT(problem_of(with_backend(R"("model_mappings": {"a": {"context_tokens": 5}})")),
              HasSubstr("$.backends[0].model_mappings.a.model: this field is missing"));
}

TEST(Configuration, ANameThatStandsTwiceIsAProblemBesideTheOthers) {
  const auto problems = problems_of(R"({"plugins": ["a", "b", "a"], "listen": ":1", "listen": ":x"})");
  std::vector<std::string> paths;
  for (const Problem& problem : problems) paths.push_back(problem.path);
  EXPECT_THAT(paths, ElementsAre("$.listen", "$.plugins[2]", "$.listen"));
}

TEST(Configuration, NoDocumentBreaksTheValidator) {
  const std::string good = fixture("surface.json");
  const std::string_view pieces[] = {"{",    "}",   "[",  "]", ",",    ":",      "\"",
                                     "null", "1e9", "-1", "*", "\"\"", "\\u0000"};
  base::Random random(20'260'131);
  int understood = 0;
  for (int turn = 0; turn < 3000; ++turn) {
    std::string text = good;
    for (std::uint64_t edits = 1 + random.below(3); edits > 0; --edits) {
      const std::size_t at = random.below(text.size());
      const std::string_view piece = pieces[random.below(std::size(pieces))];
      if (random.below(2) == 0)
        text.replace(at, random.below(12), piece);
      else
        text[at] = static_cast<char>(random.next());
    }
    const auto parsed = parse_configuration(text, resolved());
    for (const Problem& problem : parsed.problems) {
      EXPECT_TRUE(problem.path.starts_with("$")) << text;
      EXPECT_FALSE(problem.message.empty()) << text;
    }
    if (parsed.ok() || !parsed.problems[0].message.starts_with("this is not JSON")) ++understood;
  }
  EXPECT_GT(understood, 200) << "the edits must reach beyond the syntax";
}

TEST(Configuration, TlsNeedsBothFiles) {
  const auto parsed = parse_configuration(
      R"({"tls": {"certificate": "tls/cert.pem", "private_key": "tls/key.pem"}})", checked());
  ASSERT_TRUE(parsed.ok());
  EXPECT_EQ(parsed.configuration.tls->certificate, "tls/cert.pem");
  EXPECT_EQ(parsed.configuration.tls->private_key, "tls/key.pem");
  EXPECT_THAT(problem_of(R"({"tls": {"certificate": "c"}})"),
              HasSubstr("$.tls.private_key: this field is missing"));
  EXPECT_THAT(problem_of(R"({"tls": {"certificate": "c", "private_key": "k", "key": "k"}})"),
              HasSubstr("did you mean 'private_key'?"));
  EXPECT_THAT(problem_of(R"({"tls": true})"), HasSubstr("$.tls: must be an object"));
}

TEST(Keys, AReferenceIsCheckedWithoutTheSecret) {
  const auto parsed = parse_configuration(with_backend(R"("api_key": "${MISSING}")"), checked());
  ASSERT_TRUE(parsed.ok());
  EXPECT_TRUE(parsed.configuration.backends[0].api_key.empty());
  for (const char* broken : {"${}", "${A", "${A-B}", "file:"})
    EXPECT_FALSE(problems_of(with_backend(std::string(R"("api_key": ")") + broken + "\"")).empty()) << broken;
}

TEST(Keys, AMissingReferenceIsAProblemWhereItStands) {
  const auto parsed = parse_configuration(with_backend(R"("api_key": "${MISSING}")"), resolved());
  ASSERT_EQ(parsed.problems.size(), 1u);
  EXPECT_EQ(parsed.problems[0].path, "$.backends[0].api_key");
  EXPECT_EQ(parsed.problems[0].message, "the environment has no MISSING");
}

TEST(Keys, ALiteralIsAcceptedWithAWarningThatDoesNotHoldIt) {
  const auto parsed = parse_configuration(with_backend(R"("api_key": "sk-canary-literal")"), checked());
  ASSERT_TRUE(parsed.ok());
  EXPECT_EQ(parsed.configuration.backends[0].api_key.reveal(), "sk-canary-literal");
  ASSERT_EQ(parsed.warnings.size(), 1u);
  EXPECT_THAT(format_problems(parsed.warnings), Not(HasSubstr("canary")));
}

TEST(Keys, AClientKeyThatCanBeGuessedIsAcceptedWithAWarning) {
  const auto parsed =
      parse_configuration(R"({"client_keys": [{"name": "a", "key": "sk-1234"}]})", KeySource{});
  ASSERT_TRUE(parsed.ok());
  ASSERT_EQ(parsed.warnings.size(), 1u);
  EXPECT_EQ(parsed.warnings[0].path, "$.client_keys[0].key");
  EXPECT_THAT(format_problems(parsed.warnings), Not(HasSubstr("1234")));
}

TEST(Configuration, APriceIsForOneModelOrOnePattern) {
  const auto priced = [](const std::string& model) {
    return problems_of(R"({"prices": [{"model": ")" + model + R"(", "input": 1, "output": 2}]})");
  };
  EXPECT_THAT(priced("llama-*"), IsEmpty());
  ASSERT_EQ(priced("*llama*").size(), 1u);
  EXPECT_EQ(priced("*llama*")[0].path, "$.prices[0].model");
}

TEST(Keys, WhatCannotBeSentInAHeaderIsRefusedWithoutShowingIt) {
  for (const char* key : {"sk-canary with space", "sk-canary\\n", "sk-canary\\u00e4", ""}) {
    const auto problems = problems_of(with_backend(std::string(R"("api_key": ")") + key + "\""));
    ASSERT_EQ(problems.size(), 1u) << key;
    EXPECT_THAT(format_problems(problems), Not(HasSubstr("canary")));
  }
}

TEST(Keys, ReferencesOfTheAdminApiAreNeverResolved) {
  Backend row;
  const auto document = boost::json::parse(R"({"api_key": "file:/etc/passwd"})");
  const Outcome outcome = parse_backend(document, Completeness::partial, KeySource{}, row);
  ASSERT_TRUE(outcome.ok());
  EXPECT_EQ(row.api_key.reveal(), "file:/etc/passwd") << "it is the key itself, not a file";
}

TEST(PartialDocuments, OverlayOnlyWhatTheyName) {
  Backend row;
  row.name = "a", row.rpm_limit = 40, row.model_mappings = {{"x", "y", 0, "{}"}};
  const auto document = boost::json::parse(R"({"rpm_limit": 50, "label": "L"})");
  ASSERT_TRUE(parse_backend(document, Completeness::partial, {}, row).ok());
  EXPECT_EQ(row.name, "a");
  EXPECT_EQ(row.rpm_limit, 50u);
  EXPECT_EQ(row.label, "L");
  EXPECT_EQ(row.model_mappings.size(), 1u);
}

TEST(Export, HoldsNoSecretAndIsItselfAConfiguration) {
  auto parsed = parse_configuration(fixture("surface.json"), resolved());
  ASSERT_TRUE(parsed.ok());
  Rows rows;
  rows.settings = parsed.configuration.settings;
  rows.pools = parsed.configuration.pools;
  rows.backends.push_back(parsed.configuration.backends[0].copy());
  rows.backends[0].api_key_hint = "****abcd";
  rows.client_keys.push_back(parsed.configuration.client_keys[0].row);
  rows.prices = parsed.configuration.prices;
  const std::string exported = format_configuration(rows);
  EXPECT_THAT(exported, Not(HasSubstr("clear-of")));
  EXPECT_THAT(exported, Not(HasSubstr("abcd")));
  const auto again = parse_configuration(exported, checked());
  ASSERT_TRUE(again.ok()) << format_problems(again.problems);
  EXPECT_THAT(again.warnings, IsEmpty());
  Rows round;
  round.settings = again.configuration.settings;
  round.pools = again.configuration.pools;
  round.backends.push_back(again.configuration.backends[0].copy());
  round.client_keys.push_back(again.configuration.client_keys[0].row);
  round.prices = again.configuration.prices;
  EXPECT_EQ(format_configuration(round), exported);
}

TEST(AdminView, ShowsTheHintAndTheStateButNoKey) {
  Backend row;
  row.api_key = base::Secret("sk-canary-0123456789");
  row.api_key_hint = "****6789";
  const std::string text = boost::json::serialize(format_backend(row, View::admin));
  EXPECT_THAT(text, Not(HasSubstr("canary")));
  EXPECT_THAT(text, AllOf(HasSubstr(R"("api_key_hint":"****6789")"), HasSubstr(R"("status":"healthy")"),
                          HasSubstr(R"("cooldown_until":null)"), HasSubstr(R"("timeout_seconds":120)")));
}

TEST(Mappings, KeepWhatTheyDoNotKnow) {
  const auto mappings =
      parse_model_mappings(R"({"a": "b", "c": {"upstream_model": "d", "top_p": 0.5}, "e": {"max": 1}})")
          .value();
  ASSERT_EQ(mappings.size(), 3u);
  EXPECT_EQ(mappings[0].model, "b");
  EXPECT_EQ(mappings[1].model, "d");
  EXPECT_EQ(mappings[2].model, "e") << "a mapping that says no name means the canonical one";
  const std::string text = format_model_mappings(mappings);
  EXPECT_THAT(text, HasSubstr(R"("upstream_model":"d")"));
  EXPECT_EQ(format_model_mappings(parse_model_mappings(text).value()), text);
  EXPECT_FALSE(parse_model_mappings("[1]"));
  EXPECT_FALSE(parse_model_mappings("{"));
}

TEST(Settings, FlatAndNestedAreTheSame) {
  const auto document =
      boost::json::parse(R"({"retry":{"max_attempts":5,"budget_percent":10},"route_headers":false})");
  const auto flat = flatten_settings(document.as_object());
  EXPECT_THAT(flat, ElementsAre(Setting{"retry.max_attempts", "5"}, Setting{"retry.budget_percent", "10"},
                                Setting{"route_headers", "false"}));
  EXPECT_EQ(boost::json::value(unflatten_settings(flat)), document);
}

TEST(Schema, DescribesTheDocumentFromTheSameTables) {
  const auto schema = boost::json::parse(configuration_schema());
  EXPECT_EQ(schema.at_pointer("/properties/backends/items/properties/rpm_limit/minimum").to_number<int>(), 0);
  EXPECT_EQ(schema.at_pointer("/properties/settings/properties/retry/properties/max_attempts/default")
                .to_number<int>(),
            3);
  EXPECT_EQ(boost::json::serialize(schema.at_pointer("/properties/backends/items/required")),
            R"(["name","api_base_url"])");
}

TEST(ListenAddress, IsAHostAndAPort) {
  for (const char* good : {"127.0.0.1:8080", "0.0.0.0:0", ":80", "localhost:65535", "[::1]:8080"})
    EXPECT_TRUE(is_listen_address(good)) << good;
  for (const char* bad :
       {"", "8080", "host", "host:", "host:x", "host:65536", "::1:80", "a b:1", "http://h:1", "h:+1"})
    EXPECT_FALSE(is_listen_address(bad)) << bad;
}

TEST(Closest, FindsTypingErrorsButDoesNotGuessWildly) {
  const std::string_view known[] = {"rpm_limit", "api_base_url", "weight", "pool"};
  EXPECT_EQ(find_closest("rpm_limt", known), "rpm_limit");
  EXPECT_EQ(find_closest("wieght", known), "weight");
  EXPECT_EQ(find_closest("base_url", known), "api_base_url");
  EXPECT_EQ(find_closest("pools", known), "pool");
  EXPECT_EQ(find_closest("zzz", known), "");
  EXPECT_EQ(find_closest("", known), "");
  EXPECT_EQ(find_closest(std::string(100, 'x'), known), "");
}

}  // namespace
}  // namespace headworks::catalog
