#include "dialect/envelope.hpp"

#include <charconv>

#include "json/json_writer.hpp"
#include "wire/http_head.hpp"

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

Result<void> check_model(std::string_view model) {
  if (model.empty()) return wrong("model is empty", "model");
  if (model.size() > kMaxModelBytes) return wrong("model is longer than 512 bytes", "model");
  for (const char c : model)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return wrong("model holds a control character", "model");
  return {};
}

// The fields that we decide on; each may stand in a body once.
enum Key : std::uint8_t { kModel = 1, kStream = 2, kStreamOptions = 4, kMaxTokens = 8, kMaxCompletion = 16, kMaxOutput = 32 };

std::uint8_t key_of(std::string_view name) {
  switch (name.size()) {
    case 5: return name == "model" ? kModel : 0;
    case 6: return name == "stream" ? kStream : 0;
    case 10: return name == "max_tokens" ? kMaxTokens : 0;
    case 14: return name == "stream_options" ? kStreamOptions : 0;
    case 17: return name == "max_output_tokens" ? kMaxOutput : 0;
    case 21: return name == "max_completion_tokens" ? kMaxCompletion : 0;
    default: return 0;
  }
}

class EnvelopeReader {
 public:
  EnvelopeReader(std::string_view body, Envelope& envelope) : body_(body), envelope_(envelope) {}

  Result<void> operator()(const json::Member& member) {
    const std::uint8_t key = key_of(member.key);
    if (key == 0) return {};
    if ((seen_ & key) != 0) {
      Error error = fail(ErrorKind::duplicate_key, "a field stands in the body more than once: " + std::string(member.key));
      error.param = member.key;
      return error;
    }
    seen_ |= key;
    switch (key) {
      case kModel: return on_model(member);
      case kStream: return on_stream(member);
      case kStreamOptions:
        envelope_.stream_options = member.value;
        envelope_.stream_options_type = member.type;
        return {};
      default: on_max_tokens(member); return {};
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
    if (envelope.include_usage_span) return wrong("a field stands in the body more than once: include_usage", "stream_options", ErrorKind::duplicate_key);
    envelope.include_usage_span = json::Span{outer.begin + member.value.begin, outer.begin + member.value.end};
    envelope.include_usage = envelope.include_usage_span->in(body) == "true";
    return {};
  });
  if (!read) return read.error();
  return {};
}

Error no_model() {
  Error error = fail(ErrorKind::missing_model, "the field model is needed: it decides which backend answers");
  error.param = "model";
  return error;
}

}  // namespace

Result<Envelope> read_envelope(json::JsonReader& reader, std::string_view body, std::uint32_t max_depth,
                               const RouteRow& route) {
  Envelope envelope;
  EnvelopeReader visit(body, envelope);
  const Result<json::Span> object = reader.read_object(body, max_depth, visit);
  if (!object) return object.error();
  envelope.object = *object;
  if (route.model_required && !envelope.model_span) return no_model();
  if (envelope.stream)
    if (auto read = read_stream_options(reader, body, envelope); !read) return read.error();
  return envelope;
}

Result<Envelope> read_multipart_envelope(std::string_view content_type, std::string_view body, const RouteRow& route) {
  static constexpr std::string_view kBoundary = "boundary=";
  const std::size_t at = content_type.find(kBoundary);
  std::string_view boundary = at == std::string_view::npos ? std::string_view{} : content_type.substr(at + kBoundary.size());
  if (!boundary.empty() && boundary.front() == '"') boundary = boundary.substr(1, boundary.substr(1).find('"'));
  else boundary = boundary.substr(0, boundary.find_first_of("; \t"));
  if (boundary.empty() || boundary.size() > 70)
    return fail(ErrorKind::bad_request, "multipart/form-data needs a boundary of 1 to 70 characters");
  const std::string delimiter = "--" + std::string(boundary);

  Envelope envelope;
  for (std::size_t part = body.find(delimiter); part != std::string_view::npos;) {
    const std::size_t head = part + delimiter.size();
    const std::size_t next = body.find(delimiter, head);
    if (next == std::string_view::npos || body.substr(head, 2) == "--") break;
    const std::string_view whole = body.substr(head, next - head);
    const std::size_t head_end = whole.find("\r\n\r\n");
    if (head_end != std::string_view::npos && head_end < 4096 &&
        whole.substr(0, head_end).find("name=\"model\"") != std::string_view::npos) {
      if (envelope.model_span)
        return wrong("a field stands in the body more than once: model", "model", ErrorKind::duplicate_key);
      const std::size_t begin = head + head_end + 4;
      const std::size_t end = next >= begin + 2 ? next - 2 : begin;  // without the CR LF of the delimiter
      const std::string_view model = body.substr(begin, end - begin);
      if (auto checked = check_model(model); !checked) return checked.error();
      envelope.model = model;
      envelope.model_span = json::Span{begin, end};
    }
    part = next;
  }
  if (route.model_required && !envelope.model_span) return no_model();
  return envelope;
}

void SplicedBody::splice(std::string_view body, const Envelope& envelope, std::string_view model, bool add_usage,
                         bool json_body) {
  std::array<Edit, 2> edits;
  std::size_t edit_count = 0;
  if (envelope.model_span && !model.empty() && model != envelope.model) {
    model_.clear();
    if (json_body) json::append_string(model_, model);
    else model_ = model;
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
      edit = {{at, at}, envelope.stream_options_empty ? R"("include_usage":true)" : R"("include_usage":true,)"};
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
