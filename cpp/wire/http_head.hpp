// HTTP/1.1 message heads: found under limits, checked strictly, read without a copy.
//
// RFC 9110 and 9112, read at their strictest: what two parsers could read differently is refused, because a
// gateway stands between two parsers. Tables 4.1 and 4.2 of the bad-input tests name the cases. Views point
// into the bytes given; they live as long as those. Pure: no sockets, no clock.
#pragma once

#include <boost/container/small_vector.hpp>
#include <cstdint>
#include <string_view>

#include "base/result.hpp"
#include "wire/char_class.hpp"

namespace headworks::wire {

// The fields that somebody decides on; every other one is `other`.
enum class FieldId : std::uint8_t {
  other,
  accept_encoding,
  authorization,
  connection,
  content_encoding,
  content_length,
  content_type,
  cookie,
  date,
  expect,
  host,
  keep_alive,
  transfer_encoding,
  upgrade,
  x_api_key,
  x_request_id,  // also Anthropic's request-id, in answers
  x_should_retry,
  retry_after,  // and retry-after-ms
  rate_limit,   // x-ratelimit-*, ratelimit-*, anthropic-ratelimit-*
  anthropic_version,
  client_timeout,  // x-stainless-timeout (seconds), x-request-timeout-ms
};

// What a gateway does with a field that passes through it.
enum class Passage : std::uint8_t {
  pass,
  drop,  // hop-by-hop, credentials, cookies, forwarding notes, or ours to write
};

struct FieldTraits {
  FieldId id = FieldId::other;
  Passage request = Passage::pass;   // unknown request fields arrive upstream
  Passage response = Passage::drop;  // answers go by allow-list
};
FieldTraits traits_of(std::string_view name);

struct Field {
  std::string_view name;
  std::string_view value;  // without the blanks around it
  FieldTraits traits;
};
using Fields = boost::container::small_vector<Field, 24>;

// How the body is delimited.
enum class Framing : std::uint8_t { none, length, chunked, until_close };

struct HeadLimits {
  std::uint32_t head_bytes = 32'768;
  std::uint32_t header_count = 100;
  std::uint32_t target_bytes = 8'192;
};

// Finds the end of a head in bytes that arrive in any pieces, and refuses early what can never become one:
// bare LF, a folded line, a first byte that starts no token, a line or head over its limit, too many fields.
class HeadScanner {
 public:
  enum class Kind : std::uint8_t { request, response };
  HeadScanner(Kind kind, const HeadLimits& limits) : limits_(limits), kind_(kind) {}

  // `bytes` is all that has arrived, from the head's first byte; call again with more. The head's size in
  // bytes (including the empty line) when it is complete, 0 when more is needed, or why it is refused.
  base::Result<std::size_t> scan(std::string_view bytes);

 private:
  base::Result<std::size_t> on_line(std::string_view bytes, std::size_t line_end);
  base::Error over_limit() const;

  HeadLimits limits_;
  Kind kind_;
  std::size_t line_begin_ = 0;
  std::size_t scanned_ = 0;
  std::uint32_t lines_ = 0;
};

struct RequestHead {
  std::string_view method;
  std::string_view target;  // origin form: path and query, byte for byte
  std::string_view host;
  bool http_1_0 = false;
  bool keep_alive = true;
  bool expect_continue = false;
  bool upgrade = false;
  Framing framing = Framing::none;
  std::uint64_t content_length = 0;  // with Framing::length
  Fields fields;

  std::string_view path() const { return target.substr(0, target.find('?')); }
  const Field* find(FieldId id) const;
  const Field* find(std::string_view name) const;  // case-insensitive
  // True when the Connection field names it: then it is hop-by-hop.
  bool named_by_connection(std::string_view name) const;
};

// Reads a complete head (from HeadScanner) into `head`. Errors are typed and say what is wrong; they never
// echo input.
base::Result<void> parse_request_head(std::string_view bytes, RequestHead& head);

struct ResponseHead {
  std::uint16_t status = 0;
  bool http_1_0 = false;
  bool keep_alive = true;  // the connection may be used again after the body
  Framing framing = Framing::none;
  std::uint64_t content_length = 0;
  Fields fields;

  const Field* find(FieldId id) const;
  const Field* find(std::string_view name) const;
};

// Reads an upstream's head. `method` is the request's (an answer to HEAD has no body). kind
// upstream_malformed.
base::Result<void> parse_response_head(std::string_view bytes, std::string_view method, ResponseHead& head);

// Case-insensitive equality of ASCII.
inline bool same_name(std::string_view left, std::string_view right) {
  if (left.size() != right.size()) return false;
  const std::size_t size = left.size();
  if (size < 8) {
    for (std::size_t at = 0; at < size; ++at)
      if (lower(left[at]) != lower(right[at])) return false;
    return true;
  }
  for (std::size_t at = 0;; at = at + 16 <= size ? at + 8 : size - 8) {  // the last eight may overlap those before
    if (lower_eight(load_eight(left.data() + at)) != lower_eight(load_eight(right.data() + at))) return false;
    if (at + 8 == size) return true;
  }
}
inline bool has_prefix(std::string_view name, std::string_view prefix) {
  return name.size() >= prefix.size() && same_name(name.substr(0, prefix.size()), prefix);
}

// Calls fn(element) for each element of a comma-separated list, without blanks and empty elements.
template <class Fn>
void for_each_element(std::string_view list, Fn&& fn) {
  while (!list.empty()) {
    const std::size_t comma = list.find(',');
    std::string_view element = list.substr(0, comma);
    list = comma == std::string_view::npos ? std::string_view{} : list.substr(comma + 1);
    while (!element.empty() && (element.front() == ' ' || element.front() == '\t')) element.remove_prefix(1);
    while (!element.empty() && (element.back() == ' ' || element.back() == '\t')) element.remove_suffix(1);
    if (!element.empty()) fn(element);
  }
}

}  // namespace headworks::wire
