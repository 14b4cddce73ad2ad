#include "gateway/client_request.hpp"

#include <algorithm>

namespace headworks::gateway {
namespace {

using base::ErrorKind;
using base::fail;
using base::Result;

bool is_media_type(std::string_view value, std::string_view type) {
  const std::string_view rest = value.substr(std::min(type.size(), value.size()));
  const bool ends = rest.empty() || rest.front() == ';' || rest.front() == ' ' || rest.front() == '\t';
  return ends && wire::has_prefix(value, type);
}

// Where providers take form data.
bool takes_multipart(std::string_view path) {
  for (const std::string_view prefix : {"/v1/audio/", "/v1/images/", "/v1/files", "/v1/uploads", "/v1/videos"})
    if (path.starts_with(prefix)) return true;
  return false;
}

}  // namespace

Result<BodyKind> judge_body(const wire::RequestHead& head, const dialect::RouteRow& route) {
  const bool empty = head.framing == wire::Framing::none ||
                     (head.framing == wire::Framing::length && head.content_length == 0);
  if (const wire::Field* coding = head.find(wire::FieldId::content_encoding);
      coding != nullptr && !wire::same_name(coding->value, "identity"))
    return fail(ErrorKind::unsupported_media_type, "request bodies are read as they are: send no Content-Encoding");
  const wire::Field* type = head.find(wire::FieldId::content_type);
  if (route.model_required) {
    if (type != nullptr && !is_media_type(type->value, "application/json"))
      return fail(ErrorKind::unsupported_media_type, "this route takes application/json");
    return BodyKind::json;
  }
  if (empty) return BodyKind::none;
  if (type == nullptr || is_media_type(type->value, "application/json")) return BodyKind::json;
  if (is_media_type(type->value, "multipart/form-data") && takes_multipart(head.path())) return BodyKind::multipart;
  if (route.name != "other")
    return fail(ErrorKind::unsupported_media_type, "this route takes application/json");
  return BodyKind::opaque;
}

Result<void> read_envelope(ClientRequest& request, json::JsonReader& reader, std::uint32_t max_depth) {
  if (request.body_kind == BodyKind::json) {
    auto envelope = dialect::read_envelope(reader, request.body, max_depth, *request.route);
    if (!envelope) return envelope.error();
    request.envelope = std::move(*envelope);
  } else if (request.body_kind == BodyKind::multipart) {
    const wire::Field* type = request.head->find(wire::FieldId::content_type);
    auto envelope = dialect::read_multipart_envelope(type->value, request.body, *request.route);
    if (!envelope) return envelope.error();
    request.envelope = std::move(*envelope);
  }
  return {};
}

}  // namespace headworks::gateway
