#include "base/error.hpp"

#include <gtest/gtest.h>

#include <set>

#include "base/random.hpp"
#include "base/result.hpp"
#include "base/secret.hpp"

namespace headworks::base {
namespace {

TEST(ErrorTable, EveryKindHasOneRowWithItsOwnCode) {
  std::set<std::string_view> codes;
  for (int i = 0; i < static_cast<int>(ErrorKind::count_); ++i) {
    const auto kind = static_cast<ErrorKind>(i);
    const ErrorRow& row = row_of(kind);
    EXPECT_EQ(row.kind, kind);
    EXPECT_TRUE(codes.insert(row.code).second) << row.code;
    EXPECT_EQ(find_error_kind(row.code), kind);
  }
  EXPECT_FALSE(find_error_kind("no_such_code"));
}

TEST(ErrorTable, ASpentBudgetStopsAgentsInBothDialects) {
  const ErrorRow& row = row_of(ErrorKind::insufficient_quota);
  EXPECT_EQ(row.status, 429);
  EXPECT_EQ(row.anthropic_status, 402);
  EXPECT_EQ(row.client_retry, ClientRetry::exhausted);
}

TEST(Result, HoldsAValueOrTheReason) {
  Result<int> good = 3;
  Result<int> bad = fail(ErrorKind::not_found, "no such row");
  EXPECT_TRUE(good.has_value());
  EXPECT_EQ(bad.error().kind, ErrorKind::not_found);
  EXPECT_THROW(bad.value(), BadResultAccess);
}

TEST(Secret, ShowsOnlyTheLastFourOfALongOne) {
  EXPECT_EQ(Secret("sk-0123456789abcdef").hint(), "****cdef");
  EXPECT_EQ(Secret("short").hint(), "****");
  EXPECT_EQ(Secret("").hint(), "");
}

TEST(Secret, IsMaskedWhereverItStands) {
  const Secret secret(std::string_view("sk-1234"));
  std::string text = "sk-1234, and again: sk-1234sk-1234, but not sk-123";
  EXPECT_EQ(secret.mask_in(text), 3u);
  EXPECT_EQ(text, "***, and again: ******, but not sk-123");
  std::string untouched = "abc";
  Secret(std::string_view("abc")).mask_in(untouched);
  EXPECT_EQ(untouched, "abc") << "too short to be a secret";
}

TEST(Secret, MovesAndLeavesNothingBehind) {
  Secret first("abc");
  Secret second = std::move(first);
  EXPECT_TRUE(first.empty());  // NOLINT(bugprone-use-after-move): the contract under test
  EXPECT_EQ(second.reveal(), "abc");
}

}  // namespace
}  // namespace headworks::base
