#include "dialect/routes.hpp"

#include <gtest/gtest.h>

namespace headworks::dialect {
namespace {

struct Row {
  const char* method;
  const char* path;
  const char* name;
  Dialect dialect;
  bool model_required;
  bool metered;
  StreamShape stream;
};

class Route : public ::testing::TestWithParam<Row> {};

TEST_P(Route, IsFound) {
  const RouteRow* row = find_route(GetParam().method, GetParam().path);
  ASSERT_NE(row, nullptr) << GetParam().path;
  EXPECT_EQ(row->name, GetParam().name);
  EXPECT_EQ(row->dialect, GetParam().dialect);
  EXPECT_EQ(row->model_required, GetParam().model_required);
  EXPECT_EQ(row->metered, GetParam().metered);
  EXPECT_EQ(row->stream, GetParam().stream);
}

constexpr auto openai = Dialect::openai;
constexpr auto anthropic = Dialect::anthropic;
using enum StreamShape;

INSTANTIATE_TEST_SUITE_P(
    Surface, Route,
    ::testing::Values(Row{"POST", "/v1/chat/completions", "/v1/chat/completions", openai, true, true, chat},
                      Row{"POST", "/v1/completions", "/v1/completions", openai, true, true, completions},
                      Row{"POST", "/v1/responses", "/v1/responses", openai, false, true, responses},
                      Row{"POST", "/v1/embeddings", "/v1/embeddings", openai, true, true, none},
                      Row{"POST", "/v1/rerank", "/v1/rerank", openai, true, true, none},
                      Row{"POST", "/v1/moderations", "/v1/moderations", openai, false, true, none},
                      Row{"POST", "/v1/images/generations", "/v1/images", openai, false, true, none},
                      Row{"POST", "/v1/audio/transcriptions", "/v1/audio", openai, false, true, none},
                      Row{"POST", "/v1/messages", "/v1/messages", anthropic, true, true, messages},
                      Row{"POST", "/v1/messages/count_tokens", "/v1/messages/count_tokens", anthropic, true,
                          false, none},
                      Row{"GET", "/v1/messages/batches/b_1", "/v1/messages/*", anthropic, false, true, none},
                      Row{"GET", "/v1/models", "/v1/models", openai, false, false, none},
                      Row{"GET", "/v1/models/ft:gpt-4o-mini:acemeco:suffix:abc123", "/v1/models/{id}", openai,
                          false, false, none},
                      Row{"DELETE", "/v1/models/x", "other", openai, false, true, none},
                      Row{"GET", "/v1/chat/completions", "other", openai, false, true, none},
                      Row{"POST", "/v1/responses/r_1/cancel", "other", openai, false, true, none},
                      Row{"POST", "/v1/chat/completionsx", "other", openai, false, true, none},
                      Row{"POST", "/v1/files", "other", openai, false, true, none}));

TEST(Routes, OutsideOfTheVersionThereAreNone) {
  for (const char* path :
       {"", "/", "/v1", "/v1/", "/v2/chat/completions", "/chat/completions", "/V1/models", "//v1/models"})
    EXPECT_EQ(find_route("POST", path), nullptr) << path;
}

}  // namespace
}  // namespace headworks::dialect
