#include "dialect/routes.hpp"

namespace headworks::dialect {
namespace {

using enum Endpoint;
constexpr auto openai = Dialect::openai;
constexpr auto anthropic = Dialect::anthropic;

// First match wins. A POST without a required model goes to the first available backend of the dialect.
constexpr RouteRow kRoutes[] = {
    {"POST", "/v1/chat/completions", "/v1/chat/completions", openai, forward, true, true, StreamShape::chat},
    {"POST", "/v1/messages", "/v1/messages", anthropic, forward, true, true, StreamShape::messages},
    {"POST", "/v1/responses", "/v1/responses", openai, forward, false, true, StreamShape::responses},
    {"POST", "/v1/embeddings", "/v1/embeddings", openai, forward, true, true, StreamShape::none},
    {"POST", "/v1/completions", "/v1/completions", openai, forward, true, true, StreamShape::completions},
    {"POST", "/v1/messages/count_tokens", "/v1/messages/count_tokens", anthropic, forward, true, false,
     StreamShape::none},
    {"GET", "/v1/models", "/v1/models", openai, models, false, false, StreamShape::none},
    {"HEAD", "/v1/models", "/v1/models", openai, models, false, false, StreamShape::none},
    {"GET", "/v1/models/", "/v1/models/{id}", openai, model, false, false, StreamShape::none},
    {"HEAD", "/v1/models/", "/v1/models/{id}", openai, model, false, false, StreamShape::none},
    {"POST", "/v1/rerank", "/v1/rerank", openai, forward, true, true, StreamShape::none},
    {"POST", "/v1/moderations", "/v1/moderations", openai, forward, false, true, StreamShape::none},
    {"POST", "/v1/images/", "/v1/images", openai, forward, false, true, StreamShape::none},
    {"POST", "/v1/audio/", "/v1/audio", openai, forward, false, true, StreamShape::none},
    {"", "/v1/messages/", "/v1/messages/*", anthropic, forward, false, true, StreamShape::none},
    {"", "/v1/", "other", openai, forward, false, true, StreamShape::none},
};

}  // namespace

const RouteRow* find_route(std::string_view method, std::string_view path) {
  for (const RouteRow& row : kRoutes) {
    if (!row.method.empty() && row.method != method) continue;
    const bool prefix = row.path.back() == '/';
    if (prefix ? path.size() > row.path.size() && path.substr(0, row.path.size()) == row.path
               : path == row.path)
      return &row;
  }
  return nullptr;
}

}  // namespace headworks::dialect
