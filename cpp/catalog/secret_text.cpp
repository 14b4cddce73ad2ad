#include "catalog/secret_text.hpp"

#include "catalog/key_references.hpp"

namespace headworks::catalog {
namespace {

enum class Form : std::uint8_t { literal, reference, malformed };

// `${NAME}` or `os.environ/NAME` with a name as the shell has it, or `file:PATH`.
Form form_of(std::string_view text) {
  if (text.starts_with("file:")) return text.size() > 5 ? Form::reference : Form::malformed;
  if (!text.starts_with("${") && !text.starts_with("os.environ/")) return Form::literal;
  const std::string_view name = variable_of(text);
  const bool plain = std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
  return plain && !name.empty() ? Form::reference : Form::malformed;
}

}  // namespace

void parse_secret(const boost::json::value& value, const std::string& path, Reading& reading,
                  base::Secret& secret) {
  // Spaces and non-ASCII bytes cannot be sent in a header line.
  const auto sendable = [&](std::string_view text) {
    if (std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; })) return true;
    reading.problems.push_back(
        {path, "a key holds only visible ASCII characters", "look for a line end or a space"});
    return false;
  };
  if (!value.is_string()) return reading.problems.push_back({path, "must be a text", "${NAME} or file:PATH"});
  const std::string_view text = value.get_string();
  if (text.empty() || static_cast<double>(text.size()) > kMaxSecret)
    return reading.problems.push_back(
        {path, "a key has 1 to 4096 characters", "leave the field out for no key"});
  const Form form = reading.keys.references == KeySource::References::refused ? Form::literal : form_of(text);
  if (form == Form::malformed)
    return reading.problems.push_back({path, "this is not a reference to a key", "${NAME} or file:PATH"});
  if (form == Form::literal) {
    if (!sendable(text)) return;
    if (reading.keys.warn_of_literals)
      reading.warnings.push_back(
          {path, "the key stands in the document in clear", "write ${NAME} or file:PATH"});
    secret = base::Secret(text);
  } else if (reading.keys.references == KeySource::References::resolved) {
    base::Result<base::Secret> resolved = reading.keys.resolve(text);
    if (!resolved) return reading.problems.push_back({path, resolved.error().message, ""});
    if (resolved->empty()) return reading.problems.push_back({path, "the key that this names is empty", ""});
    if (sendable(resolved->reveal())) secret = *std::move(resolved);
  }
}

}  // namespace headworks::catalog
