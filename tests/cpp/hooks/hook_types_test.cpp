#include "hooks/hook_types.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace headworks::hooks {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(HookTypes, EachPointHasItsAnswers) {
  using enum HookPoint;
  for (const HookPoint point : {admit, route, failed, finished}) {
    EXPECT_TRUE(fits(point, Pass{}));
    EXPECT_TRUE(fits(point, Failure{.reason = "raised"}));
    EXPECT_EQ(fits(point, Rejection{}), point == admit || point == route);
    EXPECT_EQ(fits(point, Changes{}), point == admit);
    EXPECT_EQ(fits(point, Order{}), point == route);
    EXPECT_EQ(fits(point, Stop{}), point == failed);
    EXPECT_EQ(fits(point, Retry{}), point == failed);
    EXPECT_EQ(fits(point, Cool{}), point == failed);
  }
}

struct Case {
  Answer answer;
  std::string fault;  // empty: none
};

class Faults : public ::testing::TestWithParam<Case> {};

TEST_P(Faults, AreSaid) {
  const std::string fault = find_fault(GetParam().answer);
  if (GetParam().fault.empty()) EXPECT_THAT(fault, IsEmpty());
  else EXPECT_THAT(fault, HasSubstr(GetParam().fault));
}

Changes with_header(std::string name, std::optional<std::string> value) {
  return {.headers = {{std::move(name), std::move(value)}}};
}

INSTANTIATE_TEST_SUITE_P(
    HookTypes, Faults,
    ::testing::Values(
        Case{Pass{}, ""}, Case{Rejection{.status = 403}, ""}, Case{Rejection{.status = 429}, ""},
        Case{Rejection{.status = 200}, "status"}, Case{Rejection{.status = 502}, "status"},
        Case{Rejection{.message = std::string(9000, 'x')}, "8 KiB"}, Case{Order{{"a"}}, ""},
        Case{Order{}, "Reject, or None"}, Case{Order{std::vector<std::string>(5000, "a")}, "4,096"},
        Case{Changes{}, ""}, Case{Changes{.model = ""}, "model"}, Case{Changes{.model = std::string(513, 'm')}, "model"},
        Case{Changes{.timeout = base::Duration{0}}, "timeout"},
        Case{Changes{.tags = {{"a", std::string(2000, 'x')}}}, "tag"}, Case{with_header("x-a", "b"), ""},
        Case{with_header("x-a", std::nullopt), ""}, Case{with_header("x a", "b"), "no name"},
        Case{with_header("", "b"), "no name"}, Case{with_header("x-a", "b\r\nx-b: c"), "control"},
        Case{with_header("x-a", std::string(9000, 'b')), "too long"}, Case{with_header("authorization", "b"), "own"},
        Case{with_header("host", "b"), "own"}, Case{with_header("content-length", "3"), "own"},
        Case{with_header("transfer-encoding", "chunked"), "own"}, Case{with_header("x-headworks-pool", "b"), "own"},
        Case{Cool{std::chrono::seconds{5}}, ""}, Case{Cool{}, "more than 0"}, Case{Cool{std::chrono::hours{25}}, "86,400"}));

}  // namespace
}  // namespace headworks::hooks
