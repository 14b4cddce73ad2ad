#include "dialect/refusal.hpp"

#include <algorithm>
#include <array>
#include <string>

#include "wire/char_class.hpp"

namespace headworks::dialect {
namespace {

constexpr std::array<std::string_view, 9> kTooLong = {
    "context_length_exceeded", "maximum context length", "prompt is too long",
    "context window",          "exceeds the context",    "input is too long",
    "too many tokens",         "context_window_exceeded", "exceeds the maximum number of tokens"};
constexpr std::array<std::string_view, 5> kFiltered = {"content_filter", "content_policy_violation",
                                                       "responsibleaipolicyviolation", "content management policy",
                                                       "content policy"};

bool has_any(std::string_view text, const auto& whats) {
  return std::any_of(whats.begin(), whats.end(),
                     [&](std::string_view what) { return text.find(what) != std::string_view::npos; });
}

}  // namespace

Refusal read_refusal(std::string_view body) {
  std::string text(body.substr(0, 8192));
  std::transform(text.begin(), text.end(), text.begin(), [](char c) { return wire::lower(c); });
  if (has_any(text, kTooLong)) return Refusal::context_too_long;
  return has_any(text, kFiltered) ? Refusal::content_filter : Refusal::other;
}

}  // namespace headworks::dialect
