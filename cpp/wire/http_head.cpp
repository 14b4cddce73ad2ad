#include "wire/http_head.hpp"

#include <charconv>
#include <cstring>
#include <optional>

#include "wire/char_class.hpp"

namespace headworks::wire {
namespace {

using base::ErrorKind;
using base::fail;
using base::Result;

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// ---- framing (RFC 9112 section 6) ----

struct FramingFields {
  int lengths = 0;
  int encodings = 0;
  std::string_view length;
  std::string_view encoding;
};

std::optional<std::uint64_t> parse_length(std::string_view text) {
  if (text.empty() || (text.size() > 1 && text.front() == '0'))
    return std::nullopt;  // "0005" is read as octal by some
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

template <class Head>
Result<void> set_framing(Head& head, const FramingFields& fields, ErrorKind malformed,
                         ErrorKind unknown_coding) {
  if (fields.encodings > 1 || fields.lengths > 1)
    return fail(malformed, "the message says more than once where its body ends");
  if (fields.encodings == 1) {
    if (fields.lengths != 0)
      return fail(malformed, "Content-Length and Transfer-Encoding exclude each other");
    if (head.http_1_0) return fail(malformed, "Transfer-Encoding does not exist in HTTP/1.0");
    if (!same_name(fields.encoding, "chunked")) {
      // Well-formed codings that we do not speak are "not implemented"; anything ambiguous is refused as
      // malformed.
      std::size_t foreign = 0, chunked = 0, identity = 0;
      bool tokens = !fields.encoding.empty() && fields.encoding.back() != ',';
      for_each_element(fields.encoding, [&](std::string_view coding) {
        tokens &= all_of(coding, kToken);
        if (same_name(coding, "chunked"))
          ++chunked;
        else if (same_name(coding, "identity"))
          ++identity;
        else
          ++foreign;
      });
      if (tokens && foreign > 0 && chunked <= 1 && identity == 0)
        return fail(unknown_coding, "the only Transfer-Encoding known here is chunked");
      return fail(malformed, "Transfer-Encoding must be exactly: chunked");
    }
    head.framing = Framing::chunked;
  } else if (fields.lengths == 1) {
    const auto length = parse_length(fields.length);
    if (!length) return fail(malformed, "Content-Length is not a plain decimal number");
    head.framing = Framing::length;
    head.content_length = *length;
  }
  return {};
}

// ---- lines ----

struct Line {
  std::string_view text;
  bool ok = false;
};

Line next_line(std::string_view& bytes) {
  const std::size_t end = bytes.find('\n');
  if (end == std::string_view::npos || end == 0 || bytes[end - 1] != '\r') return {};
  const std::string_view text = bytes.substr(0, end - 1);
  bytes.remove_prefix(end + 1);
  return {text, true};
}

// Splits "Name: value" and appends it. False when the line is no field.
bool read_field(std::string_view line, Fields& fields) {
  std::size_t colon = 0;
  while (colon < line.size() && is(line[colon], kToken)) ++colon;
  if (colon == 0 || colon == line.size() || line[colon] != ':') return false;
  const std::string_view name = line.substr(0, colon);
  const std::string_view value = trim(line.substr(colon + 1));
  if (!is_value(value)) return false;
  fields.push_back(Field{name, value, traits_of(name)});
  return true;
}

bool read_fields(std::string_view bytes, Fields& fields, FramingFields& framing) {
  for (Line line = next_line(bytes); line.ok; line = next_line(bytes)) {
    if (line.text.empty()) return bytes.empty();
    if (!read_field(line.text, fields)) return false;
    const Field& field = fields.back();
    if (field.traits.id == FieldId::content_length) ++framing.lengths, framing.length = field.value;
    if (field.traits.id == FieldId::transfer_encoding) ++framing.encodings, framing.encoding = field.value;
  }
  return false;
}

template <class Head>
void read_connection(Head& head) {
  head.keep_alive = !head.http_1_0;
  for (const Field& field : head.fields) {
    if (field.traits.id != FieldId::connection) continue;
    for_each_element(field.value, [&](std::string_view option) {
      if (same_name(option, "close")) head.keep_alive = false;
    });
  }
}

const Field* find_by_id(const Fields& fields, FieldId id) {
  for (const Field& field : fields)
    if (field.traits.id == id) return &field;
  return nullptr;
}

const Field* find_by_name(const Fields& fields, std::string_view name) {
  for (const Field& field : fields)
    if (same_name(field.name, name)) return &field;
  return nullptr;
}

// ---- the request line ----

Result<void> read_request_line(std::string_view line, RequestHead& head) {
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last)
    return fail(ErrorKind::bad_request, "the request line is not: METHOD target HTTP/1.1");
  head.method = line.substr(0, first);
  head.target = line.substr(first + 1, last - first - 1);
  const std::string_view version = line.substr(last + 1);
  if (!all_of(head.method, kToken)) return fail(ErrorKind::bad_request, "the method is not a token");
  if (version == "HTTP/1.0") {
    head.http_1_0 = true;
  } else if (version != "HTTP/1.1") {
    const bool http = version.size() >= 6 && version.substr(0, 5) == "HTTP/";
    return fail(http ? ErrorKind::http_version_not_supported : ErrorKind::bad_request,
                "HTTP/1.1 and HTTP/1.0 are spoken here");
  }
  return {};
}

// A host as in Host: registered name, IPv4 or [IPv6], with an optional port. No user info, no list, no path.
bool is_host(std::string_view host) {
  if (host.empty() || !all_of(host, kHost)) return false;
  std::string_view port;
  if (host.front() == '[') {
    const std::size_t close = host.find(']');
    if (close == std::string_view::npos || close < 3) return false;
    const std::string_view rest = host.substr(close + 1);
    if (!rest.empty() && rest.front() != ':') return false;
    port = rest.empty() ? rest : rest.substr(1);
  } else {
    if (host.find_first_of("[]") != std::string_view::npos) return false;
    const std::size_t colon = host.find(':');
    if (colon == 0) return false;
    if (colon != std::string_view::npos) port = host.substr(colon + 1);
  }
  return port.size() <= 5 && port.find_first_not_of("0123456789") == std::string_view::npos;
}

Result<void> check_target(RequestHead& head) {
  if (head.method == "CONNECT" || head.method == "TRACE")
    return {};  // refused by method, whatever the target
  if (head.target.empty() || !all_of(head.target, kTarget))
    return fail(ErrorKind::bad_request, "the request target holds characters that a URI does not");
  if (head.target.front() == '/') return {};
  // Absolute form: accepted only when it names the same host.
  static constexpr std::string_view kScheme = "http://";
  if (!has_prefix(head.target, kScheme))
    return fail(ErrorKind::bad_request, "the request target must begin with a slash");
  const std::string_view rest = head.target.substr(kScheme.size());
  const std::size_t slash = rest.find('/');
  if (!same_name(rest.substr(0, slash), head.host))
    return fail(ErrorKind::bad_request, "the request target and Host name different hosts");
  head.target = slash == std::string_view::npos ? std::string_view("/") : rest.substr(slash);
  return {};
}

Result<void> check_request_fields(RequestHead& head) {
  int hosts = 0, types = 0;
  for (const Field& field : head.fields) {
    switch (field.traits.id) {
      case FieldId::host:
        ++hosts;
        head.host = field.value;
        break;
      case FieldId::content_type:
        ++types;
        break;
      case FieldId::expect:
        if (!same_name(field.value, "100-continue"))
          return fail(ErrorKind::expectation_failed, "the only expectation known here is 100-continue");
        head.expect_continue = !head.http_1_0;
        break;
      case FieldId::upgrade:
        head.upgrade = true;
        break;
      default:
        // Some servers read these as the fields with a dash.
        if (same_name(field.name, "transfer_encoding") || same_name(field.name, "content_length"))
          return fail(ErrorKind::bad_request, "a framing field is written with an underscore");
    }
  }
  if (hosts > 1 || (hosts == 0 && !head.http_1_0))
    return fail(ErrorKind::bad_request, "exactly one Host field is needed");
  if (hosts == 1 && !is_host(head.host)) return fail(ErrorKind::bad_request, "the Host field is not a host");
  if (types > 1) return fail(ErrorKind::bad_request, "Content-Type is given more than once");
  return {};
}

}  // namespace

base::Error HeadScanner::over_limit() const {
  if (kind_ == Kind::response) return fail(ErrorKind::upstream_malformed, "the upstream's head is too large");
  if (lines_ == 0) return fail(ErrorKind::uri_too_long, "the request target is too long");
  return fail(ErrorKind::headers_too_large, "the request head is larger than limits.head_bytes");
}

Result<std::size_t> HeadScanner::on_line(std::string_view bytes, std::size_t line_end) {
  const ErrorKind malformed = kind_ == Kind::request ? ErrorKind::bad_request : ErrorKind::upstream_malformed;
  if (line_end == line_begin_ || bytes[line_end - 1] != '\r')
    return fail(malformed, "a line of the head does not end with CR LF");
  const std::string_view line = bytes.substr(line_begin_, line_end - 1 - line_begin_);
  line_begin_ = scanned_ = line_end + 1;
  if (lines_++ == 0) {
    if (line.empty()) return fail(malformed, "the message begins with an empty line");
    // Told at the first line: who speaks another protocol would never send the rest.
    if (kind_ == Kind::response && !line.starts_with("HTTP/"))
      return fail(malformed, "the upstream does not speak HTTP");
    if (kind_ == Kind::request) {
      if (line.size() > limits_.target_bytes + 32) return lines_ = 0, over_limit();
      if (line.find(" HTTP/") == std::string_view::npos && (line.empty() || line.back() != ' '))
        return fail(malformed, "the request line is not: METHOD target HTTP/1.1");
    }
    return std::size_t{0};
  }
  if (line_end + 1 > limits_.head_bytes) return over_limit();
  if (line.empty()) return line_end + 1;
  if (line.front() == ' ' || line.front() == '\t') return fail(malformed, "a header line is folded");
  // Told here, not when the head is complete: `\r\r\n` looks like its end, and its sender waits for an
  // answer.
  if (!is(line.front(), kToken))
    return fail(malformed, "a header line is not: Name: value");
  if (lines_ - 1 > limits_.header_count) {
    if (kind_ == Kind::response) return over_limit();
    return fail(ErrorKind::headers_too_large, "the request has more than limits.header_count fields");
  }
  return std::size_t{0};
}

Result<std::size_t> HeadScanner::scan(std::string_view bytes) {
  if (scanned_ == 0 && !bytes.empty() && !is(bytes.front(), kToken))
    return fail(kind_ == Kind::request ? ErrorKind::bad_request : ErrorKind::upstream_malformed,
                "the bytes received are not HTTP/1.1");
  while (scanned_ < bytes.size()) {
    const void* found = std::memchr(bytes.data() + scanned_, '\n', bytes.size() - scanned_);
    if (found == nullptr) {
      scanned_ = bytes.size();
      break;
    }
    const auto line_end = static_cast<std::size_t>(static_cast<const char*>(found) - bytes.data());
    const Result<std::size_t> end = on_line(bytes, line_end);
    if (!end || *end != 0) return end;
  }
  const std::size_t limit =
      lines_ == 0 && kind_ == Kind::request ? limits_.target_bytes + 32 : limits_.head_bytes;
  if (bytes.size() > limits_.head_bytes || bytes.size() - line_begin_ > limit) return over_limit();
  return std::size_t{0};
}

const Field* RequestHead::find(FieldId id) const { return find_by_id(fields, id); }
const Field* RequestHead::find(std::string_view name) const { return find_by_name(fields, name); }
const Field* ResponseHead::find(FieldId id) const { return find_by_id(fields, id); }
const Field* ResponseHead::find(std::string_view name) const { return find_by_name(fields, name); }

bool RequestHead::named_by_connection(std::string_view name) const {
  bool named = false;
  for (const Field& field : fields) {
    if (field.traits.id != FieldId::connection) continue;
    for_each_element(field.value, [&](std::string_view option) { named |= same_name(option, name); });
  }
  return named;
}

Result<void> parse_request_head(std::string_view bytes, RequestHead& head) {
  const Line line = next_line(bytes);
  if (!line.ok) return fail(ErrorKind::bad_request, "the request line does not end");
  if (auto result = read_request_line(line.text, head); !result) return result;
  FramingFields framing;
  if (!read_fields(bytes, head.fields, framing))
    return fail(ErrorKind::bad_request, "a header line is not: Name: value");
  if (auto result = check_request_fields(head); !result) return result;
  if (auto result = check_target(head); !result) return result;
  read_connection(head);
  return set_framing(head, framing, ErrorKind::bad_request, ErrorKind::not_implemented);
}

Result<void> parse_response_head(std::string_view bytes, std::string_view method, ResponseHead& head) {
  const auto malformed = [](std::string message) {
    return fail(ErrorKind::upstream_malformed, std::move(message));
  };
  const Line line = next_line(bytes);
  // status-line = HTTP-version SP status-code SP [ reason-phrase ]
  if (!line.ok || line.text.size() < 13 || line.text.substr(0, 7) != "HTTP/1." || line.text[8] != ' ' ||
      line.text[12] != ' ')
    return malformed("the upstream's status line is malformed");
  if (line.text[7] != '1' && line.text[7] != '0')
    return malformed("the upstream speaks another HTTP version");
  head.http_1_0 = line.text[7] == '0';
  const auto [end, error] = std::from_chars(line.text.data() + 9, line.text.data() + 12, head.status);
  if (error != std::errc{} || end != line.text.data() + 12 || head.status < 100 || head.status > 599)
    return malformed("the upstream's status is not between 100 and 599");
  if (!is_value(line.text.substr(12))) return malformed("the upstream's status line is malformed");

  FramingFields framing;
  if (!read_fields(bytes, head.fields, framing))
    return malformed("a header line of the upstream is malformed");
  read_connection(head);
  if (auto result = set_framing(head, framing, ErrorKind::upstream_malformed, ErrorKind::upstream_malformed);
      !result)
    return result;
  const bool bodyless = head.status < 200 || head.status == 204 || head.status == 304 || method == "HEAD";
  if (bodyless) {
    head.framing = Framing::none;
  } else if (head.framing == Framing::none) {
    head.framing = Framing::until_close;
    head.keep_alive = false;
  }
  return {};
}

}  // namespace headworks::wire
