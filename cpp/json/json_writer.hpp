// Appends JSON text (RFC 8259) to a string. For what we write on the request path; larger documents use
// Boost.JSON.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace headworks::json {

// Appends `text` as a JSON string, quotes included. Control characters, quotes and backslashes are escaped;
// bytes of broken UTF-8 become U+FFFD, so that the result is always valid JSON.
void append_string(std::string& out, std::string_view text);

// Writes members and elements with the commas between them. Usage: open_object(), key("a"), string("b"),
// close().
class JsonWriter {
 public:
  explicit JsonWriter(std::string& out) : out_(out) {}

  JsonWriter& open_object() { return open('{'); }
  JsonWriter& open_array() { return open('['); }
  JsonWriter& close_object() { return close('}'); }
  JsonWriter& close_array() { return close(']'); }
  JsonWriter& key(std::string_view name) {
    separate();
    append_string(out_, name);
    out_ += ':';
    comma_ = false;
    return *this;
  }
  JsonWriter& string(std::string_view text) {
    separate();
    append_string(out_, text);
    return *this;
  }
  JsonWriter& number(std::int64_t value) { return raw(std::to_string(value)); }
  // The shortest text that reads back as `value`; null for what JSON has no number for.
  JsonWriter& real(double value);
  JsonWriter& real(float value);
  JsonWriter& boolean(bool value) { return raw(value ? "true" : "false"); }
  JsonWriter& null() { return raw("null"); }
  // Text that is JSON already.
  JsonWriter& raw(std::string_view json) {
    separate();
    out_ += json;
    return *this;
  }

 private:
  JsonWriter& open(char bracket) {
    separate();
    out_ += bracket;
    comma_ = false;
    return *this;
  }
  JsonWriter& close(char bracket) {
    out_ += bracket;
    comma_ = true;
    return *this;
  }
  void separate() {
    if (comma_) out_ += ',';
    comma_ = true;
  }
  std::string& out_;
  bool comma_ = false;
};

}  // namespace headworks::json
