// The envelope of a form (multipart/form-data): the one field that a gateway decides on. Strict where two
// readers could find different fields; everything else is the upstream's.
#include <string.h>

#include "dialect/envelope.hpp"
#include "wire/http_head.hpp"

namespace headworks::dialect {
namespace {

using base::Error;
using base::ErrorKind;
using base::fail;
using base::Result;
using std::string_view;

constexpr std::size_t kMaxBoundary = 70;  // RFC 2046 section 5.1.1
constexpr std::size_t kMaxPartHead = 8192;
constexpr std::size_t kMaxParts = 1000;
constexpr auto npos = string_view::npos;

Error refuse(const char* message, ErrorKind kind = ErrorKind::bad_request) {
  Error error = fail(kind, message);
  error.param = "model";
  return error;
}
Error malformed(const char* message) { return fail(ErrorKind::bad_request, message); }

// Two-way search: linear also for a body that is made of near misses.
std::size_t find(string_view text, string_view wanted, std::size_t from) {
  if (from > text.size()) return npos;
  const void* found = ::memmem(text.data() + from, text.size() - from, wanted.data(), wanted.size());
  return found == nullptr ? npos : static_cast<std::size_t>(static_cast<const char*>(found) - text.data());
}

string_view trim(string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// The next `; name=value` of a field value; false at its end. `value` is as it stands, quotes included.
bool next_parameter(string_view& rest, string_view& name, string_view& value) {
  bool quoted = false;
  std::size_t end = 0;
  for (; end < rest.size() && (quoted || rest[end] != ';'); ++end) {
    if (rest[end] == '"') quoted = !quoted;
    if (quoted && rest[end] == '\\') ++end;
  }
  if (rest.empty()) return false;
  const string_view parameter = trim(rest.substr(0, end));
  rest = end < rest.size() ? rest.substr(end + 1) : string_view{};
  const std::size_t equals = parameter.find('=');
  name = trim(parameter.substr(0, equals));
  value = equals == npos ? string_view{} : trim(parameter.substr(equals + 1));
  return true;
}

// A parameter's value without its quotes and backslashes.
std::string unquoted(string_view value) {
  if (value.size() < 2 || value.front() != '"' || value.back() != '"') return std::string(value);
  value = value.substr(1, value.size() - 2);
  std::string text;
  for (std::size_t i = 0; i < value.size(); ++i) {
    if (value[i] == '\\' && i + 1 < value.size()) ++i;
    text.push_back(value[i]);
  }
  return text;
}

Result<std::string> read_boundary(string_view content_type) {
  std::string boundary;
  string_view name, value;
  int count = 0;
  while (next_parameter(content_type, name, value)) {
    if (!wire::same_name(name, "boundary")) continue;
    boundary = unquoted(value);
    ++count;
  }
  if (count != 1 || boundary.empty() || boundary.size() > kMaxBoundary ||
      boundary.find_first_of("\r\n") != npos || boundary.back() == ' ')
    return malformed("multipart/form-data needs one boundary of 1 to 70 characters");
  return boundary;
}

struct Disposition {
  bool is_model = false;
  bool is_file = false;
};

// Reads the Content-Disposition among a part's head lines. RFC 7578 section 4.2: name is there once, name*
// never.
Result<Disposition> read_disposition(string_view head) {
  Disposition disposition;
  int lines = 0, names = 0;
  while (!head.empty()) {
    const std::size_t end = head.find("\r\n");
    const string_view line = head.substr(0, end);
    head = end == npos ? string_view{} : head.substr(end + 2);
    const std::size_t colon = line.find(':');
    if (colon == npos || line.front() == ' ' || line.front() == '\t')
      return malformed("a head line of a form's part is not: Name: value");
    if (!wire::same_name(trim(line.substr(0, colon)), "content-disposition")) continue;
    ++lines;
    string_view rest = line.substr(colon + 1), name, value;
    while (next_parameter(rest, name, value)) {
      if (wire::same_name(name, "name*")) return malformed("a form's part has a name*; RFC 7578 has none");
      if (wire::same_name(name, "filename") || wire::same_name(name, "filename*")) disposition.is_file = true;
      if (!wire::same_name(name, "name")) continue;
      ++names;
      disposition.is_model = unquoted(value) == "model";
    }
  }
  if (lines != 1 || names != 1)
    return malformed("each part of a form needs one Content-Disposition with one name");
  return disposition;
}

// Walks the parts of a body from delimiter to delimiter.
class Form {
 public:
  Form(string_view body, string_view boundary) : body_(body), delimiter_("\r\n--" + std::string(boundary)) {}

  // Moves to the first part; true when there is one.
  Result<bool> begin() {
    const string_view first = string_view(delimiter_).substr(2);
    at_ = body_.starts_with(first) ? first.size() : behind(find(body_, delimiter_, 0));
    if (at_ == npos) return malformed("the form's body does not hold its boundary");
    return after_delimiter();
  }

  // Reads the part that begins here and moves behind its end; true when another one follows.
  Result<bool> read_part(Envelope& envelope) {
    if (++parts_ > kMaxParts) return malformed("the form has more than 1000 parts");
    const std::size_t next = find(body_, delimiter_, at_ - 2);  // an empty part shares its CR LF
    if (next == npos) return malformed("the form's body breaks off");
    const string_view part = next < at_ ? string_view{} : body_.substr(at_, next - at_);
    const std::size_t head_end = find(part.substr(0, kMaxPartHead), "\r\n\r\n", 0);
    if (head_end == npos) return malformed("a part of the form has no head, or one that is too large");
    const auto disposition = read_disposition(part.substr(0, head_end));
    if (!disposition) return disposition.error();
    if (disposition->is_model) {
      if (disposition->is_file) return refuse("model must be a plain field of the form, not a file");
      if (envelope.model_span)
        return refuse("a field stands in the body more than once: model", ErrorKind::duplicate_key);
      const string_view model = part.substr(head_end + 4);
      if (auto checked = check_model(model); !checked) return checked.error();
      envelope.model = model;
      envelope.model_span = json::Span{at_ + head_end + 4, next};
    }
    at_ = behind(next);
    return after_delimiter();
  }

 private:
  std::size_t behind(std::size_t delimiter) const {
    return delimiter == npos ? npos : delimiter + delimiter_.size();
  }
  // `--`: the end. Else blanks and a CR LF; a longer boundary that begins with ours is not ours to guess
  // about.
  Result<bool> after_delimiter() {
    if (body_.substr(at_, 2) == "--") return false;
    while (at_ < body_.size() && (body_[at_] == ' ' || body_[at_] == '\t')) ++at_;
    if (body_.substr(at_, 2) != "\r\n")
      return malformed("a boundary in the form's body is not a line of its own");
    at_ += 2;
    return true;
  }

  string_view body_;
  std::string delimiter_;
  std::size_t at_ = 0;
  std::size_t parts_ = 0;
};

}  // namespace

Result<Envelope> read_multipart_envelope(string_view content_type, string_view body, const RouteRow& route) {
  const auto boundary = read_boundary(content_type);
  if (!boundary) return boundary.error();
  Envelope envelope;
  Form form(body, *boundary);
  Result<bool> more = form.begin();
  while (more && *more) more = form.read_part(envelope);
  if (!more) return more.error();
  if (route.model_required && !envelope.model_span) return missing_model();
  return envelope;
}

}  // namespace headworks::dialect
