#include "json/json_reader.hpp"

#include <simdjson.h>

#include <algorithm>
#include <bit>
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
    case simdjson::EMPTY:
      return invalid("the body is empty; a JSON object is expected");
    case simdjson::UTF8_ERROR:
      return invalid("the body is not valid UTF-8");
    case simdjson::UNESCAPED_CHARS:
      return invalid("a string holds a control character that is not escaped");
    case simdjson::UNCLOSED_STRING:
      return invalid("a string is not closed");
    case simdjson::DEPTH_ERROR:
      return invalid("the JSON is nested too deeply");
    case simdjson::MEMALLOC:
      return base::fail(ErrorKind::overloaded, "there is no memory for this body now");
    case simdjson::CAPACITY:
      return invalid("the JSON is too large");
    case simdjson::INCORRECT_TYPE:
      return invalid("the body is not a JSON object");
    default:
      return invalid("the body is not valid JSON");
  }
}

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

std::string_view without_blanks_behind(std::string_view token) {
  while (!token.empty() && is_blank(token.back())) token.remove_suffix(1);
  return token;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

Type type_of(ondemand::json_type type, std::string_view token) {
  switch (type) {
    case ondemand::json_type::object:
      return Type::object;
    case ondemand::json_type::array:
      return Type::array;
    case ondemand::json_type::string:
      return Type::string;
    case ondemand::json_type::number:
      return Type::number;
    case ondemand::json_type::boolean:
      return Type::boolean;
    case ondemand::json_type::null:
      break;
  }
  return token.empty() || token.front() == 'n' ? Type::null : Type::boolean;
}

// Walks values to their end; the first fault stays.
class Walk {
 public:
  Walk(std::string_view document, std::uint32_t max_depth) : document_(document), max_depth_(max_depth) {}

  // The offset of the token that `parsed` reads next; the document's size behind the last one.
  std::size_t offset(ondemand::document& parsed) const {
    const char* at = nullptr;
    if (parsed.current_location().get(at) != simdjson::SUCCESS) return document_.size();
    return static_cast<std::size_t>(at - document_.data());
  }

  // Reads a value of the top level into `member`.
  bool member(ondemand::document& parsed, ondemand::value& value, Member& member) {
    ondemand::json_type type{};
    if (!ok(value.type().get(type))) return false;
    const std::string_view token = value.raw_json_token();
    const std::size_t begin = static_cast<std::size_t>(token.data() - document_.data());
    member.type = type_of(type, token);
    member.value = {begin, begin + without_blanks_behind(token).size()};
    if (member.type == Type::string) return ok(value.get_string().get(member.text));
    if (!this->value(value, 1)) return false;
    if (member.type == Type::object || member.type == Type::array)
      member.value.end =
          begin + without_blanks_behind(document_.substr(begin, offset(parsed) - begin)).size();
    return true;
  }

  bool value(ondemand::value& value, std::uint32_t depth) {
    ondemand::json_type type{};
    if (!ok(value.type().get(type))) return false;
    switch (type) {
      case ondemand::json_type::object:
        return object(value, depth + 1);
      case ondemand::json_type::array:
        return array(value, depth + 1);
      case ondemand::json_type::string:
        return string(value);
      case ondemand::json_type::number:
        return number(without_blanks_behind(value.raw_json_token()));
      default:
        return atom(without_blanks_behind(value.raw_json_token()));
    }
  }

  bool object(ondemand::value& value, std::uint32_t depth) {
    if (depth > max_depth_) return too_deep();
    ondemand::object object;
    if (!ok(value.get_object().get(object))) return false;
    for (auto each : object) {
      if (!ok(each.error())) return false;
      ondemand::field& field = each.value_unsafe();
      ondemand::value& member = field.value();
      if (!key(field, member) || !this->value(member, depth)) return false;
    }
    return true;
  }

  bool array(ondemand::value& value, std::uint32_t depth) {
    if (depth > max_depth_) return too_deep();
    ondemand::array array;
    if (!ok(value.get_array().get(array))) return false;
    for (auto each : array) {
      if (!ok(each.error()) || !this->value(each.value_unsafe(), depth)) return false;
    }
    return true;
  }

  // Control characters and UTF-8 were checked for the whole document; only escapes are left to check, and few
  // strings and nearly no keys have one.
  bool key(ondemand::field& field, ondemand::value& value) {
    std::string_view text;
    return !has_escape(field.key().raw(), value.raw_json_token().data()) ||
           ok(field.unescaped_key().get(text));
  }

  bool string(ondemand::value& value) {
    const std::string_view token = value.raw_json_token();
    // It must be taken either way: simdjson steps over a string that was not taken together with a colon
    // behind it.
    ondemand::raw_json_string raw;
    if (!has_escape(token.data(), token.data() + token.size()))
      return ok(value.get_raw_json_string().get(raw));
    std::string_view text;
    return ok(value.get_string().get(text));
  }

  // Whether a backslash stands in [begin, end). REQUIRES: `begin` never goes back. Looks at each byte once,
  // however short the ranges are.
  bool has_escape(const char* begin, const char* end) {
    if (backslash_ < begin) {
      const char* stop = document_.data() + document_.size();
      const auto size = static_cast<std::size_t>(stop - begin);
      const auto* found = static_cast<const char*>(std::memchr(begin, '\\', size));
      backslash_ = found != nullptr ? found : stop;
    }
    return backslash_ < end;
  }

  bool number(std::string_view token) {
    return is_number(token) || refuse("a number is not written as JSON numbers are");
  }

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
  std::string_view document_;
  std::uint32_t max_depth_;
  const char* backslash_ = nullptr;  // the next one, or the document's end
};

}  // namespace

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

// simdjson's buffers, which are up to six times as large as the document.
struct JsonReader::Parser {
  static constexpr std::size_t kSmallest = std::size_t{64} << 10;
  static constexpr std::size_t kLargest = std::size_t{1} << 20;

  // Powers of two: a conversation that grows by a message must not mean new buffers each time.
  simdjson::error_code make_room(std::size_t size) {
    if (parser.capacity() >= size) return simdjson::SUCCESS;
    return parser.allocate(std::bit_ceil(std::max(size, kSmallest)));
  }
  // One large document must not stay in memory for ever.
  void give_back() {
    if (parser.capacity() > kLargest) parser = ondemand::parser();
  }

  ondemand::parser parser;
};

JsonReader::JsonReader() : parser_(std::make_unique<Parser>()) {}
JsonReader::~JsonReader() = default;

Result<Span> JsonReader::read(std::string_view document, std::uint32_t max_depth, Root root,
                              const Visitor& visitor) {
  Result<Span> span = walk(document, max_depth, root, visitor);
  parser_->give_back();
  return span;
}

Result<Span> JsonReader::walk(std::string_view document, std::uint32_t max_depth, Root root,
                              const Visitor& visitor) {
  if (document.substr(0, 3) == "\xef\xbb\xbf") return invalid("the body begins with a byte order mark");
  Walk walk(document, max_depth);
  const simdjson::padded_string_view padded(document.data(), document.size(), document.size() + kPadding);
  ondemand::document parsed;
  if (!walk.ok(parser_->make_room(document.size())) || !walk.ok(parser_->parser.iterate(padded).get(parsed)))
    return walk.error;
  const auto visit = [&](ondemand::value& value, std::string_view key) -> Result<void> {
    Member member;
    member.key = key;
    if (!walk.member(parsed, value, member)) return walk.error;
    return visitor.call(visitor.context, member);
  };
  if (root == Root::object) {
    ondemand::object object;
    if (!walk.ok(parsed.get_object().get(object))) return walk.error;
    for (auto each : object) {
      ondemand::field field;
      std::string_view key;
      if (!walk.ok(std::move(each).get(field)) || !walk.ok(field.unescaped_key().get(key))) return walk.error;
      if (Result<void> visited = visit(field.value(), key); !visited) return visited.error();
    }
  } else {
    ondemand::array array;
    if (!walk.ok(parsed.get_array().get(array))) return walk.error;
    for (auto each : array) {
      ondemand::value element;
      if (!walk.ok(std::move(each).get(element))) return walk.error;
      if (Result<void> visited = visit(element, {}); !visited) return visited.error();
    }
  }
  if (walk.offset(parsed) != document.size()) return invalid("something follows the end of the JSON text");
  const std::size_t begin = document.find_first_not_of(" \t\r\n");
  return Span{begin, without_blanks_behind(document).size()};
}

std::string_view simdjson_version() { return SIMDJSON_STRINGIFY(SIMDJSON_VERSION); }

}  // namespace headworks::json
