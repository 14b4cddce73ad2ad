// ClientRequest: a client's request as the plan sees it: its route, body and envelope. Lives as long as the exchange
// may still try another backend.
#pragma once

#include <string_view>

#include "base/result.hpp"
#include "catalog/rows.hpp"
#include "dialect/envelope.hpp"
#include "dialect/routes.hpp"
#include "wire/http_head.hpp"

namespace headworks::gateway {

enum class BodyKind : std::uint8_t { none, json, multipart, opaque };

struct ClientRequest {
  const wire::RequestHead* head = nullptr;
  const dialect::RouteRow* route = nullptr;
  std::string_view body;
  BodyKind body_kind = BodyKind::none;
  dialect::Envelope envelope;
  std::string model_instead = {};      // a plug-in's, instead of the one that the body names; empty: none
  bool may_have_instead = false;       // the key may ask for what the body names: its exchange needs no leave

  const std::string& model() const { return model_instead.empty() ? envelope.model : model_instead; }

  bool wants_stream() const { return envelope.stream && route->stream != dialect::StreamShape::none; }
  // A stream whose usage the client did not ask for: we ask, and take the extra event out again.
  bool adds_usage() const {
    return wants_stream() && !envelope.include_usage && body_kind == BodyKind::json &&
           (route->stream == dialect::StreamShape::chat || route->stream == dialect::StreamShape::completions);
  }
};

inline catalog::Api api_of(dialect::Dialect dialect) {
  return dialect == dialect::Dialect::anthropic ? catalog::Api::anthropic : catalog::Api::openai;
}

// What the head alone says about the body. Kind unsupported_media_type: a coding that we do not read, or a media type
// that this route does not take.
base::Result<BodyKind> judge_body(const wire::RequestHead& head, const dialect::RouteRow& route);

// Reads the envelope of `request.body`. Kinds as dialect::read_envelope.
base::Result<void> read_envelope(ClientRequest& request, json::JsonReader& reader, std::uint32_t max_depth);

}  // namespace headworks::gateway
