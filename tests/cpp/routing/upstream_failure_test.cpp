#include "routing/upstream_failure.hpp"

#include <gtest/gtest.h>

#include <set>

namespace headworks::routing {
namespace {

TEST(FailureTable, EveryClassHasOneRowWithItsOwnName) {
  std::set<std::string_view> names;
  for (int i = 0; i < static_cast<int>(FailureClass::count_); ++i) {
    const FailureRow& row = row_of(static_cast<FailureClass>(i));
    EXPECT_EQ(row.failure, static_cast<FailureClass>(i));
    EXPECT_TRUE(names.insert(row.name).second) << row.name;
    EXPECT_FALSE(row.message.empty());
  }
}

TEST(FailureTable, OnlyTheClientsOwnErrorsStop) {
  for (int i = 0; i < static_cast<int>(FailureClass::count_); ++i) {
    const auto failure = static_cast<FailureClass>(i);
    const bool own = failure == FailureClass::client_error || failure == FailureClass::content_filter;
    EXPECT_EQ(row_of(failure).next_backend, !own) << row_of(failure).name;
  }
}

TEST(FailureTable, StatusesFallIntoTheirClasses) {
  struct Row {
    std::uint16_t status;
    FailureClass failure;
  };
  using enum FailureClass;
  const Row rows[] = {{400, client_error}, {401, status_auth},    {402, client_error},   {403, status_auth},
                      {404, client_error}, {408, status_408_409}, {409, status_408_409}, {413, client_error},
                      {422, client_error}, {429, status_429},     {451, client_error},   {500, status_5xx},
                      {503, status_5xx},   {529, status_5xx},     {599, status_5xx},     {301, malformed},
                      {101, malformed},    {0, malformed},        {600, malformed}};
  for (const Row& row : rows) EXPECT_EQ(find_failure_class(row.status), row.failure) << row.status;
  EXPECT_FALSE(find_failure_class(200));
  EXPECT_FALSE(find_failure_class(204));
}

}  // namespace
}  // namespace headworks::routing
