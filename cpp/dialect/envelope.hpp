// The envelope of a request body: the few top-level fields that a gateway decides on, with the bytes they
// stand in, and the splice that changes them without touching another byte.
//
// Policy is never decided on a document that the upstream could read differently: the whole body is checked,
// escaped keys are read, and a field that we decide on may stand there once. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "dialect/routes.hpp"
#include "json/json_reader.hpp"

namespace headworks::dialect {

inline constexpr std::size_t kMaxModelBytes = 512;

struct Envelope {
  std::string model;                     // empty: none was given
  std::optional<json::Span> model_span;  // of the value, quotes included
  bool stream = false;
  json::Span object;  // of the whole document
  std::optional<json::Span> stream_options;
  json::Type stream_options_type = json::Type::null;
  bool stream_options_empty = true;
  std::optional<json::Span> include_usage_span;
  bool include_usage = false;
  std::optional<std::uint64_t> max_tokens;  // max_tokens, max_completion_tokens or max_output_tokens
};

// Reads a JSON body. `body` has json::kPadding readable bytes behind it. Kinds invalid_json, duplicate_key,
// missing_model, bad_request; `param` names the field.
base::Result<Envelope> read_envelope(json::JsonReader& reader, std::string_view body, std::uint32_t max_depth,
                                     const RouteRow& route);

// 1 to kMaxModelBytes bytes, no control characters. Kind bad_request, `param` is model.
base::Result<void> check_model(std::string_view model);

// Kind missing_model, saying what is needed.
base::Error missing_model();

// Reads the `model` field of a multipart/form-data body (RFC 7578, RFC 2046 section 5.1; multipart.cpp) in
// one pass that is linear in the body, whatever it holds. Kinds bad_request, duplicate_key, missing_model.
base::Result<Envelope> read_multipart_envelope(std::string_view content_type, std::string_view body,
                                               const RouteRow& route);

// A body to send: pieces of the client's bytes with ours between them. Pieces point into the body and into
// itself: not movable.
class SplicedBody {
 public:
  SplicedBody() = default;
  SplicedBody(const SplicedBody&) = delete;
  SplicedBody& operator=(const SplicedBody&) = delete;

  // `model`: what the backend calls it (empty: leave the client's). `add_usage`: make a stream report its
  // usage. `json_body`: whether values are written as JSON (multipart values stand bare).
  void splice(std::string_view body, const Envelope& envelope, std::string_view model, bool add_usage,
              bool json_body);

  std::span<const std::string_view> pieces() const { return {pieces_.data(), count_}; }
  std::uint64_t size() const;

 private:
  struct Edit {
    json::Span span;
    std::string_view text;
  };
  std::array<std::string_view, 5> pieces_;
  std::size_t count_ = 0;
  std::string model_;  // the new value as it is written
};

}  // namespace headworks::dialect
