// What we decide on is what any correct reader finds in the body: our reader against a plain one, and what we
// splice stays the same document but for the edit.
#include "dialect/envelope.hpp"
#include "plain_json.hpp"
#include "target.hpp"

namespace headworks::fuzz {

inline std::string spliced_text(const dialect::SplicedBody& body) {
  std::string text;
  for (const std::string_view piece : body.pieces()) text += piece;
  return text;
}

inline void check_reader(std::string_view input) {
  static json::JsonReader reader;
  const Exact exact(input, json::kPadding);
  PlainJson::Members expected, found;
  const bool valid = is_utf8(input) && PlainJson(input, 64).read(expected);
  const auto read =
      reader.read_object(exact.view(), 64, [&](const json::Member& member) -> base::Result<void> {
        found.emplace_back(member.key, input.substr(member.value.begin, member.value.size()));
        return {};
      });
  require(valid == static_cast<bool>(read), valid ? "valid JSON is read" : "invalid JSON is refused");
  if (valid) require(found == expected, "members are found with their exact bytes");
}

inline void check_policy(std::string_view input) {
  static json::JsonReader reader;
  const dialect::RouteRow& route = *dialect::find_route("POST", "/v1/chat/completions");
  const Exact exact(input, json::kPadding);
  const auto envelope = dialect::read_envelope(reader, exact.view(), 64, route);
  if (!envelope) return require(!envelope.error().message.empty(), "a refusal says why");
  dialect::SplicedBody body;
  const bool add_usage = envelope->stream && envelope->stream_options_type != json::Type::string &&
                         envelope->stream_options_type != json::Type::number &&
                         envelope->stream_options_type != json::Type::boolean &&
                         envelope->stream_options_type != json::Type::array;
  body.splice(exact.view(), *envelope, "another \"model\"", add_usage, true);
  const Exact sent(spliced_text(body), json::kPadding);
  require(sent.view().size() == body.size(), "the size is that of the pieces");
  const auto again = dialect::read_envelope(reader, sent.view(), 64, route);
  require(static_cast<bool>(again), "what is sent is valid");
  require(again->model == "another \"model\"" && again->stream == envelope->stream,
          "it says what we decided");
  require(again->max_tokens == envelope->max_tokens, "nothing else changes");
  require(!add_usage || again->include_usage, "usage is asked for");
}

inline void json_policy(std::string_view input) {
  check_reader(input);
  check_policy(input);
}

}  // namespace headworks::fuzz

HEADWORKS_FUZZ_TARGET(json_policy)
