#include "json/json_reader.hpp"

#include <simdjson.h>

#include <cstring>

namespace headworks::json {
namespace {

using base::ErrorKind;
using base::Result;
namespace ondemand = simdjson::ondemand;

static_assert(simdjson::SIMDJSON_PADDING <= kPadding);

base::Error invalid(std::string message) { return base::fail(ErrorKind::invalid_json, std::move(message)); }

base::Error invalid(simdjson::error_code code) {
  switch (code) {
    case simdjson::EMPTY: return invalid("the body is empty; a JSON object is expected");
    case simdjson::UTF8_ERROR: return invalid("the body is not valid UTF-8");
    case simdjson::UNESCAPED_CHARS: return invalid("a string holds a control character that is not escaped");
    case simdjson::UNCLOSED_STRING: return invalid("a string is not closed");
    case simdjson::DEPTH_ERROR: return invalid("the JSON is nested too deeply");
    case simdjson::CAPACITY: return invalid("the JSON is too large");
    case simdjson::INCORRECT_TYPE: return invalid("the body is not a JSON object");
    default: return invalid("the body is not valid JSON");
  }
}

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

std::string_view without_blanks_behind(std::string_view token) {
  while (!token.empty() && is_blank(token.back())) token.remove_suffix(1);
  return token;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// number = [ "-" ] int [ frac ] [ exp ] (RFC 8259 section 6)
bool is_number(std::string_view text) {
  std::size_t at = 0;
  const auto digits = [&] {
    const std::size_t begin = at;
    while (at < text.size() && is_digit(text[at])) ++at;
    return at > begin;
  };
  if (at < text.size() && text[at] == '-') ++at;
  const std::size_t first = at;
  if (!digits()) return false;
  if (text[first] == '0' && at - first > 1) return false;
  if (at < text.size() && text[at] == '.' && (++at, !digits())) return false;
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    if (at < text.size() && (text[at] == '+' || text[at] == '-')) ++at;
    if (!digits()) return false;
  }
  return at == text.size();
}

// Walks values to their end; the first fault stays.
class Walk {
 public:
  explicit Walk(std::uint32_t max_depth) : max_depth_(max_depth) {}

  bool value(ondemand::value value, std::uint32_t depth) {
    ondemand::json_type type{};
    if (!ok(value.type().get(type))) return false;
    switch (type) {
      case ondemand::json_type::object: return object(value, depth + 1);
      case ondemand::json_type::array: return array(value, depth + 1);
      case ondemand::json_type::string: return string(value);
      case ondemand::json_type::number: return number(without_blanks_behind(value.raw_json_token()));
      default: return atom(without_blanks_behind(value.raw_json_token()));
    }
  }

  bool object(ondemand::value value, std::uint32_t depth) {
    if (depth > max_depth_) return too_deep();
    ondemand::object object;
    if (!ok(value.get_object().get(object))) return false;
    for (auto each : object) {
      ondemand::field field;
      std::string_view key;
      if (!ok(std::move(each).get(field)) || !ok(field.unescaped_key().get(key))) return false;
      if (!this->value(field.value(), depth)) return false;
    }
    return true;
  }

  bool array(ondemand::value value, std::uint32_t depth) {
    if (depth > max_depth_) return too_deep();
    ondemand::array array;
    if (!ok(value.get_array().get(array))) return false;
    for (auto each : array) {
      ondemand::value element;
      if (!ok(std::move(each).get(element)) || !this->value(element, depth)) return false;
    }
    return true;
  }

  bool string(ondemand::value value) {
    // Control characters and UTF-8 were checked for the whole document; only escapes are left to check.
    const std::string_view token = value.raw_json_token();
    if (std::memchr(token.data(), '\\', token.size()) == nullptr) return true;
    std::string_view text;
    return ok(value.get_string().get(text));
  }

  bool number(std::string_view token) { return is_number(token) || refuse("a number is not written as JSON numbers are"); }

  bool atom(std::string_view token) {
    return token == "true" || token == "false" || token == "null" || refuse("the body is not valid JSON");
  }

  bool ok(simdjson::error_code code) {
    if (code == simdjson::SUCCESS) return true;
    error = invalid(code);
    return false;
  }
  bool too_deep() { return refuse("the JSON is nested deeper than limits.json_depth"); }
  bool refuse(const char* why) {
    error = invalid(why);
    return false;
  }

  base::Error error;

 private:
  std::uint32_t max_depth_;
};

Type type_of(ondemand::json_type type, std::string_view token) {
  switch (type) {
    case ondemand::json_type::object: return Type::object;
    case ondemand::json_type::array: return Type::array;
    case ondemand::json_type::string: return Type::string;
    case ondemand::json_type::number: return Type::number;
    case ondemand::json_type::boolean: return Type::boolean;
    case ondemand::json_type::null: break;
  }
  return token.empty() || token.front() == 'n' ? Type::null : Type::boolean;
}

}  // namespace

struct JsonReader::Parser {
  ondemand::parser parser;
};

JsonReader::JsonReader() : parser_(std::make_unique<Parser>()) {}
JsonReader::~JsonReader() = default;

Result<Span> JsonReader::read(std::string_view document, std::uint32_t max_depth, const Visitor& visitor) {
  if (document.substr(0, 3) == "\xef\xbb\xbf") return invalid("the body begins with a byte order mark");
  Walk walk(max_depth);
  ondemand::document root;
  ondemand::object object;
  const simdjson::padded_string_view padded(document.data(), document.size(), document.size() + kPadding);
  if (!walk.ok(parser_->parser.iterate(padded).get(root)) || !walk.ok(root.get_object().get(object))) return walk.error;

  const auto offset = [&] {  // of the next token
    const char* at = nullptr;
    return root.current_location().get(at) == simdjson::SUCCESS ? static_cast<std::size_t>(at - document.data())
                                                                : document.size();
  };
  for (auto each : object) {
    ondemand::field field;
    Member member;
    ondemand::json_type type{};
    if (!walk.ok(std::move(each).get(field)) || !walk.ok(field.unescaped_key().get(member.key))) return walk.error;
    ondemand::value value = field.value();
    if (!walk.ok(value.type().get(type))) return walk.error;
    const std::string_view token = value.raw_json_token();
    member.type = type_of(type, token);
    member.value.begin = static_cast<std::size_t>(token.data() - document.data());
    if (member.type == Type::string) {
      if (!walk.ok(value.get_string().get(member.text))) return walk.error;
      member.value.end = member.value.begin + without_blanks_behind(token).size();
    } else {
      if (!walk.value(value, 1)) return walk.error;
      member.value.end = member.value.begin +
                         (member.type == Type::object || member.type == Type::array
                              ? without_blanks_behind(document.substr(member.value.begin, offset() - member.value.begin)).size()
                              : without_blanks_behind(token).size());
    }
    if (Result<void> visited = visitor.call(visitor.context, member); !visited) return visited.error();
  }
  if (offset() != document.size()) return invalid("something follows the end of the JSON object");
  const std::size_t begin = document.find('{');
  return Span{begin, without_blanks_behind(document).size()};
}

}  // namespace headworks::json
