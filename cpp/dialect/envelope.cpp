#include "dialect/envelope.hpp"

#include <charconv>

#include "json/json_writer.hpp"

namespace headworks::dialect {
namespace {

using base::Error;
using base::ErrorKind;
using base::fail;
using base::Result;

Error wrong(const char* message, const char* param, ErrorKind kind = ErrorKind::bad_request) {
  Error error = fail(kind, message);
  error.param = param;
  return error;
}

// The fields that we decide on; each may stand in a body once.
enum Key : std::uint8_t {
  kModel = 1,
  kStream = 2,
  kStreamOptions = 4,
  kMaxTokens = 8,
  kMaxCompletion = 16,
  kMaxOutput = 32
};

std::uint8_t key_of(std::string_view name) {
  switch (name.size()) {
    case 5:
      return name == "model" ? kModel : 0;
    case 6:
      return name == "stream" ? kStream : 0;
    case 10:
      return name == "max_tokens" ? kMaxTokens : 0;
    case 14:
      return name == "stream_options" ? kStreamOptions : 0;
    case 17:
      return name == "max_output_tokens" ? kMaxOutput : 0;
    case 21:
      return name == "max_completion_tokens" ? kMaxCompletion : 0;
    default:
      return 0;
  }
}

class EnvelopeReader {
 public:
  EnvelopeReader(std::string_view body, Envelope& envelope) : body_(body), envelope_(envelope) {}

  Result<void> operator()(const json::Member& member) {
    const std::uint8_t key = key_of(member.key);
    if (key == 0) return {};
    if ((seen_ & key) != 0) {
      Error error = fail(ErrorKind::duplicate_key,
                         "a field stands in the body more than once: " + std::string(member.key));
      error.param = member.key;
      return error;
    }
    seen_ |= key;
    switch (key) {
      case kModel:
        return on_model(member);
      case kStream:
        return on_stream(member);
      case kStreamOptions:
        envelope_.stream_options = member.value;
        envelope_.stream_options_type = member.type;
        return {};
      default:
        on_max_tokens(member);
        return {};
    }
  }

 private:
  Result<void> on_model(const json::Member& member) {
    if (member.type != json::Type::string) return wrong("model must be a string", "model");
    if (auto checked = check_model(member.text); !checked) return checked;
    envelope_.model = member.text;
    envelope_.model_span = member.value;
    return {};
  }
  Result<void> on_stream(const json::Member& member) {
    if (member.type == json::Type::null) return {};
    if (member.type != json::Type::boolean) return wrong("stream must be true or false", "stream");
    envelope_.stream = member.value.in(body_) == "true";
    return {};
  }
  void on_max_tokens(const json::Member& member) {
    const std::string_view text = member.value.in(body_);
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error == std::errc{} && end == text.data() + text.size()) envelope_.max_tokens = value;
  }

  std::string_view body_;
  Envelope& envelope_;
  std::uint8_t seen_ = 0;
};

Result<void> read_stream_options(json::JsonReader& reader, std::string_view body, Envelope& envelope) {
  if (!envelope.stream_options || envelope.stream_options_type != json::Type::object) return {};
  const json::Span outer = *envelope.stream_options;
  // The bytes behind it are the rest of the body: readable padding.
  const auto read = reader.read_object(outer.in(body), 255, [&](const json::Member& member) -> Result<void> {
    envelope.stream_options_empty = false;
    if (member.key != "include_usage") return {};
    if (envelope.include_usage_span)
      return wrong("a field stands in the body more than once: include_usage", "stream_options",
                   ErrorKind::duplicate_key);
    envelope.include_usage_span =
        json::Span{outer.begin + member.value.begin, outer.begin + member.value.end};
    envelope.include_usage = envelope.include_usage_span->in(body) == "true";
    return {};
  });
  if (!read) return read.error();
  return {};
}

}  // namespace

Result<void> check_model(std::string_view model) {
  if (model.empty()) return wrong("model is empty", "model");
  if (model.size() > kMaxModelBytes) return wrong("model is longer than 512 bytes", "model");
  if (model.find('\0') != std::string_view::npos) return wrong("model holds a NUL character", "model");
  for (const char c : model)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      return wrong("no model has a control character in its name", "model", ErrorKind::model_not_found);
  return {};
}

Error missing_model() {
  return wrong("the field model is needed: it decides which backend answers", "model",
               ErrorKind::missing_model);
}

Result<Envelope> read_envelope(json::JsonReader& reader, std::string_view body, std::uint32_t max_depth,
                               const RouteRow& route) {
  Envelope envelope;
  EnvelopeReader visit(body, envelope);
  const Result<json::Span> object = reader.read_object(body, max_depth, visit);
  if (!object) return object.error();
  envelope.object = *object;
  if (route.model_required && !envelope.model_span) return missing_model();
  if (envelope.stream)
    if (auto read = read_stream_options(reader, body, envelope); !read) return read.error();
  return envelope;
}

void SplicedBody::splice(std::string_view body, const Envelope& envelope, std::string_view model,
                         bool add_usage, bool json_body) {
  std::array<Edit, 2> edits;
  std::size_t edit_count = 0;
  if (envelope.model_span && !model.empty() && model != envelope.model) {
    model_.clear();
    if (json_body)
      json::append_string(model_, model);
    else
      model_ = model;
    edits[edit_count++] = {*envelope.model_span, model_};
  }
  if (add_usage && !envelope.include_usage) {
    Edit edit;
    if (envelope.include_usage_span) {
      edit = {*envelope.include_usage_span, "true"};
    } else if (!envelope.stream_options) {
      const std::size_t at = envelope.object.begin + 1;
      edit = {{at, at}, R"("stream_options":{"include_usage":true},)"};
    } else if (envelope.stream_options_type == json::Type::object) {
      const std::size_t at = envelope.stream_options->begin + 1;
      edit = {{at, at},
              envelope.stream_options_empty ? R"("include_usage":true)" : R"("include_usage":true,)"};
    } else if (envelope.stream_options_type == json::Type::null) {
      edit = {*envelope.stream_options, R"({"include_usage":true})"};
    }
    if (!edit.text.empty()) {
      edits[edit_count++] = edit;
      if (edit_count == 2 && edits[0].span.begin > edits[1].span.begin) std::swap(edits[0], edits[1]);
    }
  }
  count_ = 0;
  std::size_t at = 0;
  for (std::size_t i = 0; i < edit_count; ++i) {
    pieces_[count_++] = body.substr(at, edits[i].span.begin - at);
    pieces_[count_++] = edits[i].text;
    at = edits[i].span.end;
  }
  pieces_[count_++] = body.substr(at);
}

std::uint64_t SplicedBody::size() const {
  std::uint64_t size = 0;
  for (const std::string_view piece : pieces()) size += piece.size();
  return size;
}

}  // namespace headworks::dialect
