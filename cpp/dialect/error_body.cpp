#include "dialect/error_body.hpp"

#include <algorithm>

#include "json/json_writer.hpp"

namespace headworks::dialect {
namespace {

void write_openai(const base::Error& error, std::string& out) {
  const base::ErrorRow& row = base::row_of(error.kind);
  json::JsonWriter json(out);
  json.open_object().key("error").open_object();
  json.key("message").string(error.message).key("type").string(row.openai_type).key("param");
  if (error.param.empty())
    json.null();
  else
    json.string(error.param);
  json.key("code").string(row.code).close_object().close_object();
}

void write_anthropic(const base::Error& error, std::string_view request_id, std::string& out) {
  json::JsonWriter json(out);
  json.open_object().key("type").string("error").key("error").open_object();
  json.key("type").string(base::row_of(error.kind).anthropic_type).key("message").string(error.message);
  json.close_object().key("request_id").string(request_id).close_object();
}

}  // namespace

std::uint16_t status_of(Dialect dialect, base::ErrorKind kind) {
  const base::ErrorRow& row = base::row_of(kind);
  return dialect == Dialect::anthropic ? row.anthropic_status : row.status;
}

void write_retry_after(wire::HeadWriter& head, std::chrono::nanoseconds wait) {
  const auto ms = std::max<std::int64_t>(1, std::chrono::ceil<std::chrono::milliseconds>(wait).count());
  head.field("retry-after", static_cast<std::uint64_t>((ms + 999) / 1000));
  head.field("retry-after-ms", static_cast<std::uint64_t>(ms));
}

void write_error(Dialect dialect, const base::Error& error, std::string_view request_id,
                 wire::HeadWriter& head, std::string& body) {
  head.field("content-type", "application/json");
  if (error.retry_after) write_retry_after(head, *error.retry_after);
  const base::ErrorRow& row = base::row_of(error.kind);
  if (row.client_retry == base::ClientRetry::exhausted) head.field("x-should-retry", "false");
  // What RFC 9110 requires with these two (sections 11.6.1 and 15.5.6).
  if (row.status == 401) head.field("www-authenticate", "Bearer");
  if (row.status == 405) head.field("allow", "GET, HEAD, POST, PUT, PATCH, DELETE");
  if (dialect == Dialect::anthropic)
    write_anthropic(error, request_id, body);
  else
    write_openai(error, body);
}

void append_stream_error(StreamShape shape, const base::Error& error, std::string_view request_id,
                         std::string& out) {
  switch (shape) {
    case StreamShape::messages:
      out += "event: error\ndata: ";
      write_anthropic(error, request_id, out);
      break;
    case StreamShape::responses: {
      out += "event: response.failed\ndata: ";
      json::JsonWriter json(out);
      json.open_object().key("type").string("response.failed").key("response").open_object();
      json.key("object").string("response").key("status").string("failed").key("error").open_object();
      json.key("code").string(base::code_of(error.kind)).key("message").string(error.message);
      json.close_object().close_object().close_object();
      break;
    }
    default:
      out += "data: ";
      write_openai(error, out);
  }
  out += "\n\n";
}

}  // namespace headworks::dialect
