// The one table of header fields: what a gateway does with each of them.
#include <array>

#include "wire/char_class.hpp"
#include "wire/http_head.hpp"

namespace headworks::wire {
namespace {

struct KnownField {
  std::string_view name;  // lower case
  FieldTraits traits;
};

constexpr auto pass = Passage::pass;
constexpr auto drop = Passage::drop;
constexpr KnownField kKnown[] = {
    {"accept-encoding", {FieldId::accept_encoding, drop, drop}},
    {"accept-ranges", {FieldId::other, pass, pass}},
    {"anthropic-version", {FieldId::anthropic_version, pass, drop}},
    {"api-key", {FieldId::other, drop, drop}},
    {"authorization", {FieldId::authorization, drop, drop}},
    {"cache-control", {FieldId::other, pass, pass}},
    {"connection", {FieldId::connection, drop, drop}},
    {"content-disposition", {FieldId::other, pass, pass}},
    {"content-encoding", {FieldId::content_encoding, pass, pass}},
    {"content-language", {FieldId::other, pass, pass}},
    {"content-length", {FieldId::content_length, drop, drop}},
    {"content-range", {FieldId::other, pass, pass}},
    {"content-type", {FieldId::content_type, pass, pass}},
    {"cookie", {FieldId::cookie, drop, drop}},
    {"date", {FieldId::date, pass, pass}},
    {"etag", {FieldId::other, pass, pass}},
    {"expect", {FieldId::expect, drop, drop}},
    {"expires", {FieldId::other, pass, pass}},
    {"forwarded", {FieldId::other, drop, drop}},
    {"host", {FieldId::host, drop, drop}},
    {"keep-alive", {FieldId::keep_alive, drop, drop}},
    {"last-modified", {FieldId::other, pass, pass}},
    {"openai-model", {FieldId::other, pass, pass}},
    {"openai-processing-ms", {FieldId::other, pass, pass}},
    {"openai-version", {FieldId::other, pass, pass}},
    {"proxy-authenticate", {FieldId::other, drop, drop}},
    {"proxy-authorization", {FieldId::other, drop, drop}},
    {"proxy-connection", {FieldId::other, drop, drop}},
    {"request-id", {FieldId::x_request_id, drop, drop}},
    {"retry-after", {FieldId::retry_after, drop, drop}},
    {"retry-after-ms", {FieldId::retry_after, drop, drop}},
    {"te", {FieldId::other, drop, drop}},
    {"trailer", {FieldId::other, drop, drop}},
    {"transfer-encoding", {FieldId::transfer_encoding, drop, drop}},
    {"upgrade", {FieldId::upgrade, drop, drop}},
    {"via", {FieldId::other, drop, drop}},
    {"x-api-key", {FieldId::x_api_key, drop, drop}},
    {"x-goog-api-key", {FieldId::other, drop, drop}},
    {"x-real-ip", {FieldId::other, drop, drop}},
    {"x-request-id", {FieldId::x_request_id, drop, drop}},
    {"x-request-timeout-ms", {FieldId::client_timeout, pass, drop}},
    {"x-should-retry", {FieldId::x_should_retry, drop, drop}},
    {"x-stainless-timeout", {FieldId::client_timeout, pass, drop}},
};

constexpr std::size_t kLongestKnown = 20;

// Buckets by length and first letter keep the search to one or two comparisons.
constexpr std::size_t bucket_of(std::size_t size, char first) {
  return (size * 7 + static_cast<std::size_t>(first)) % 64;
}

struct Buckets {
  std::array<std::array<std::uint8_t, 6>, 64> rows{};  // index + 1; 0 ends
};
constexpr Buckets kBuckets = [] {
  Buckets buckets{};
  for (std::size_t i = 0; i < std::size(kKnown); ++i) {
    auto& row = buckets.rows[bucket_of(kKnown[i].name.size(), kKnown[i].name.front())];
    std::size_t at = 0;
    while (row.at(at) != 0) ++at;
    row.at(at) = static_cast<std::uint8_t>(i + 1);
  }
  return buckets;
}();

}  // namespace

FieldTraits traits_of(std::string_view name) {
  if (name.empty()) return {};
  if (name.size() <= kLongestKnown) {
    for (const std::uint8_t entry : kBuckets.rows[bucket_of(name.size(), lower(name.front()))]) {
      if (entry == 0) break;
      const KnownField& known = kKnown[entry - 1];
      if (same_name(known.name, name)) return known.traits;
    }
  }
  if (lower(name.front()) == 'x') {
    if (has_prefix(name, "x-headworks-") || has_prefix(name, "x-forwarded-"))
      return {FieldId::other, drop, drop};
    if (has_prefix(name, "x-ratelimit-")) return {FieldId::rate_limit, pass, drop};
  } else if (has_prefix(name, "anthropic-ratelimit-") || has_prefix(name, "ratelimit-")) {
    return {FieldId::rate_limit, pass, drop};
  }
  return {};
}

}  // namespace headworks::wire
