// What others wrote, in our texts: JSON stays JSON, a log line stays one line that no terminal acts on, a label stays
// a label, an event stays one event.
#include "base/log.hpp"
#include "dialect/error_body.hpp"
#include "json/json_writer.hpp"
#include "plain_json.hpp"
#include "target.hpp"
#include "telemetry/prometheus_text.hpp"
#include "wire/sse.hpp"

namespace headworks::fuzz {

inline bool is_one_object(std::string_view text) {
  PlainJson::Members members;
  return is_utf8(text) && PlainJson(text, 64).read(members);
}

inline void check_json(std::string_view input) {
  std::string text = "{\"a\":";
  json::append_string(text, input);
  text += "}";
  PlainJson::Members members;
  require(is_utf8(text) && PlainJson(text, 64).read(members) && members.size() == 1, "a string stays one value");
  if (!is_utf8(input)) return;
  std::string again = "{" + std::string(members[0].second) + ":0}";
  PlainJson::Members keys;
  require(PlainJson(again, 64).read(keys) && keys[0].first == input, "and reads as what it was");
}

inline void check_log(std::string_view input) {
  for (const base::LogFormat format : {base::LogFormat::text, base::LogFormat::json}) {
    std::string line;
    const base::LogField fields[] = {{"model", input}, {"n", 1}};
    base::append_log_line(line, format, {}, base::LogLevel::info, input, fields);
    require(line.find('\n') == line.size() - 1, "an event is one line");
    for (const char c : line.substr(0, line.size() - 1))
      require(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f, "no control character");
    require(is_utf8(line), "a line is UTF-8");
    require(line.find("\xe2\x80\xae") == std::string::npos, "nothing turns the direction of a terminal");
    if (format == base::LogFormat::json) require(is_one_object(std::string_view(line).substr(0, line.size() - 1)), "a line is JSON");
  }
}

inline void check_label(std::string_view input) {
  const telemetry::MetricRow row{.metric = {}, .name = "headworks_test", .type = {}, .help = {}, .label_names = {"model"}};
  const std::string_view values[] = {input};
  std::string text;
  telemetry::append_sample(text, row, values, 1);
  require(text.find('\n') == text.size() - 1, "a sample is one line");
  std::size_t at = std::string_view("headworks_test{model=\"").size();
  std::string read;
  for (; at < text.size() && text[at] != '"'; ++at) {
    if (text[at] == '\\') ++at, read.push_back(text[at] == 'n' ? '\n' : text[at]);
    else read.push_back(text[at]);
  }
  require(text.substr(at) == "\"} 1\n", "and its label ends where we ended it");
  require(!is_utf8(input) || read == input, "and reads as what it was");
}

inline void check_event(std::string_view input) {
  using enum dialect::StreamShape;
  for (const dialect::StreamShape shape : {chat, completions, responses, messages}) {
    std::string text;
    dialect::append_stream_error(shape, base::fail(base::ErrorKind::upstream_reset, std::string(input)), "req_1", text);
    int events = 0;
    wire::SseDecoder decoder;
    decoder.feed(text, [&](const wire::SseEvent& event) {
      ++events;
      require(is_one_object(event.data), "its data is JSON");
    });
    require(events == 1, "an error is one event");
  }
}

inline void escape(std::string_view input) {
  const Exact exact(input);
  check_json(exact.view());
  check_log(exact.view());
  check_label(exact.view());
  check_event(exact.view());
}

}  // namespace headworks::fuzz

HEADWORKS_FUZZ_TARGET(escape)
