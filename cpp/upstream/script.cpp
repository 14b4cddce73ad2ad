#include "upstream/script.hpp"

#include "upstream/base64.hpp"
#include "upstream/script_object.hpp"

namespace headworks::upstream {
namespace {

namespace json = boost::json;
using std::chrono::milliseconds;

constexpr std::uint64_t kAnyCount = 1'000'000'000'000;
constexpr std::uint64_t kOneDayMs = 86'400'000;
constexpr double kMostPerSecond = 1'000'000;

milliseconds read_ms(ScriptObject& object, std::string_view name, milliseconds fallback) {
  return milliseconds(object.read_count(name, static_cast<std::uint64_t>(fallback.count()), 0, kOneDayMs));
}

std::optional<RateLimit> read_limit(ScriptObject& parent) {
  const json::value* value = parent.find("rate_limit");
  if (value == nullptr) return std::nullopt;
  ScriptObject object(*value, parent.path_of("rate_limit"), parent.problem());
  RateLimit limit;
  const auto rpm = object.find_count("rpm", 0, 1'000'000'000);
  if (!rpm) object.problem().report(object.path_of("rpm"), "is required: how many requests a window takes");
  limit.rpm = static_cast<std::uint32_t>(rpm.value_or(0));
  object.read_word("window", limit.window,
                   {{"fixed", Window::fixed}, {"sliding", Window::sliding}, {"bucket", Window::bucket}});
  double seconds = 60;
  object.read_number("seconds", seconds, 86'400);
  if (seconds < 0.001) object.problem().report(object.path_of("seconds"), "must be at least 0.001");
  limit.period = base::Duration(static_cast<std::int64_t>(seconds * 1e9));
  object.finish();
  return limit;
}

void read_header_value(std::vector<HeaderLine>& out, std::string_view name, const json::value& value,
                       const std::string& path, Problem& problem) {
  if (value.is_string()) {
    out.push_back({std::string(name), std::string(value.get_string())});
  } else if (value.is_number()) {
    out.push_back({std::string(name), json::serialize(value)});
  } else {
    problem.report(path, "must be a string, a number, or a list of them");
  }
}

std::vector<HeaderLine> read_headers(ScriptObject& parent) {
  std::vector<HeaderLine> out;
  const json::value* value = parent.find("headers");
  if (value == nullptr) return out;
  const std::string path = parent.path_of("headers");
  if (!value->is_object()) {
    parent.problem().report(path, "must be an object of names and values");
    return out;
  }
  for (const auto& member : value->get_object()) {
    const std::string member_path = path + "." + std::string(member.key());
    if (const json::array* list = member.value().if_array()) {
      for (const json::value& one : *list) {
        read_header_value(out, member.key(), one, member_path, parent.problem());
      }
    } else {
      read_header_value(out, member.key(), member.value(), member_path, parent.problem());
    }
  }
  return out;
}

std::optional<std::string> read_bytes(ScriptObject& object, std::string_view plain, std::string_view base64) {
  std::optional<std::string> out;
  if (object.find(plain) != nullptr) object.read(plain, out.emplace());
  std::string encoded;
  object.read(base64, encoded);
  if (encoded.empty()) return out;
  out = parse_base64(encoded);
  if (!out) object.problem().report(object.path_of(base64), "is not base64");
  return out;
}

void read_content(ScriptObject& object, Answer& answer) {
  int kinds = 0;
  for (const auto name : {"json", "body", "body_base64", "raw", "raw_base64"})
    kinds += object.find(name) != nullptr;
  if (kinds > 1) {
    object.problem().report(object.path(), "has more than one of json, body, body_base64, raw, raw_base64");
  }
  if (const json::value* document = object.find("json")) {
    answer.body = json::serialize(*document);
    answer.content_type = "application/json";
  } else {
    answer.body = read_bytes(object, "body", "body_base64");
    answer.content_type = "text/plain; charset=utf-8";
  }
  answer.raw = read_bytes(object, "raw", "raw_base64");
  if (object.find("text") != nullptr) object.read("text", answer.text.emplace());
}

void read_usage(ScriptObject& parent, Answer& answer) {
  parent.read_word("send_usage", answer.send_usage,
                   {{"asked", SendUsage::asked}, {"always", SendUsage::always}, {"never", SendUsage::never}});
  const json::value* value = parent.find("usage");
  if (value == nullptr) return;
  ScriptObject object(*value, parent.path_of("usage"), parent.problem());
  TokenCounts counts;
  counts.input = object.read_count("input", 0, 0, kAnyCount);
  counts.output = object.read_count("output", 0, 0, kAnyCount);
  counts.cached = object.read_count("cached", 0, 0, kAnyCount);
  object.finish();
  answer.usage = counts;
}

void read_stream(ScriptObject& parent, StreamShape& stream) {
  const json::value* value = parent.find("stream");
  if (value == nullptr) return;
  ScriptObject object(*value, parent.path_of("stream"), parent.problem());
  if (const auto events = object.find_count("events", 0, 4'000'000'000)) {
    stream.events = static_cast<std::uint32_t>(*events);
  }
  stream.event_bytes = static_cast<std::uint32_t>(object.read_count("event_bytes", 0, 0, 16'777'216));
  object.read_number("per_second", stream.per_second, kMostPerSecond);
  stream.first_event = read_ms(object, "first_event_ms", milliseconds(0));
  object.read("final", stream.final_event);
  object.read("done", stream.done);
  object.read("stamp", stream.stamp);
  object.read("always", stream.always);
  object.finish();
}

void read_drip(ScriptObject& parent, Answer& answer) {
  const json::value* value = parent.find("drip");
  if (value == nullptr) return;
  ScriptObject object(*value, parent.path_of("drip"), parent.problem());
  Drip drip;
  drip.bytes = static_cast<std::uint32_t>(object.read_count("bytes", drip.bytes, 1, 16'777'216));
  drip.every = read_ms(object, "every_ms", drip.every);
  object.read("head", drip.head);
  object.finish();
  answer.drip = drip;
}

void read_fault(ScriptObject& parent, Answer& answer) {
  const json::value* value = parent.find("fault");
  if (value == nullptr) return;
  ScriptObject object(*value, parent.path_of("fault"), parent.problem());
  Fault fault;
  object.read_word("at", fault.at,
                   {{"request", FaultPlace::request},
                    {"head", FaultPlace::head},
                    {"body", FaultPlace::body},
                    {"event", FaultPlace::event}});
  object.read_word("do", fault.how,
                   {{"close", Cut::close}, {"reset", Cut::reset}, {"hang", Cut::hang}, {"end", Cut::end}});
  fault.after = object.find_count("after", 0, kAnyCount);
  if (fault.how == Cut::end && fault.at != FaultPlace::event) {
    object.problem().report(object.path_of("do"), "\"end\" is possible at \"event\" only");
  }
  object.finish();
  answer.fault = fault;
}

void read_interim(ScriptObject& object, Answer& answer) {
  const json::value* value = object.find("interim");
  if (value == nullptr) return;
  const std::string path = object.path_of("interim");
  if (!value->is_array()) return object.problem().report(path, "must be a list of 1xx statuses");
  for (const json::value& one : value->get_array()) {
    boost::system::error_code failed;
    const auto status = one.to_number<std::uint16_t>(failed);
    if (failed || status < 100 || status > 199)
      return object.problem().report(path, "must hold 1xx statuses");
    answer.interim.push_back(status);
  }
}

Answer read_answer(ScriptObject& object) {
  Answer answer;
  answer.status = static_cast<std::uint16_t>(object.read_count("status", 200, 0, 999));
  answer.headers = read_headers(object);
  read_content(object, answer);
  read_usage(object, answer);
  object.read_word("ids", answer.counted_ids, {{"counted", true}, {"fixed", false}});
  object.read_word("framing", answer.framing,
                   {{"length", Framing::length}, {"chunked", Framing::chunked}, {"close", Framing::close}});
  object.read("extra", answer.extra);
  object.read_word("close", answer.close,
                   {{"announced", CloseAfter::announced}, {"silent", CloseAfter::silent}});
  answer.delay = read_ms(object, "delay_ms", milliseconds(0));
  read_interim(object, answer);
  object.read("early", answer.early);
  read_drip(object, answer);
  read_stream(object, answer.stream);
  read_fault(object, answer);
  object.read_word("stale", answer.stale, {{"close", Stale::close}, {"reset", Stale::reset}});
  return answer;
}

Rule read_rule(const json::value& value, std::string path, Problem& problem) {
  ScriptObject object(value, std::move(path), problem);
  Rule rule;
  object.read("method", rule.method);
  object.read("path", rule.path);
  object.read("key", rule.key);
  object.read("model", rule.model);
  rule.nth = object.read_count("nth", 0, 1, kAnyCount);
  rule.every = object.read_count("every", 1, 1, kAnyCount);
  rule.times = object.read_count("times", 0, 1, kAnyCount);
  rule.limit = read_limit(object);
  rule.answer = read_answer(object);
  if (rule.answer.early && !rule.model.empty()) {
    problem.report(object.path_of("model"), "cannot be matched by an early answer: the body is not read yet");
  }
  object.finish();
  return rule;
}

void read_rules(const json::value& value, const std::string& path, Script& script, Problem& problem) {
  if (!value.is_array()) return problem.report(path, "must be a list of rules");
  std::size_t index = 0;
  for (const json::value& one : value.get_array()) {
    script.rules.push_back(read_rule(one, path + "[" + std::to_string(index++) + "]", problem));
  }
}

void read_journal(ScriptObject& parent, JournalBounds& bounds) {
  const json::value* value = parent.find("journal");
  if (value == nullptr) return;
  if (value->is_bool()) {
    if (!value->get_bool()) bounds.entries = 0;
    return;
  }
  ScriptObject object(*value, parent.path_of("journal"), parent.problem());
  bounds.entries = object.read_count("entries", bounds.entries, 0, 10'000'000);
  bounds.body_bytes = object.read_count("body_bytes", bounds.body_bytes, 0, 1'073'741'824);
  object.finish();
}

void read_accept(ScriptObject& parent, Accept& accept) {
  const json::value* value = parent.find("accept");
  if (value == nullptr) return;
  ScriptObject object(*value, parent.path_of("accept"), parent.problem());
  object.read_word("do", accept.action,
                   {{"serve", AcceptAction::serve},
                    {"close", AcceptAction::close},
                    {"reset", AcceptAction::reset},
                    {"hang", AcceptAction::hang},
                    {"stall", AcceptAction::stall}});
  accept.times = object.find_count("times", 0, kAnyCount);
  object.finish();
}

Script read_script(const json::value& document, Problem& problem) {
  Script script;
  if (document.is_array()) {
    read_rules(document, "$", script, problem);
    return script;
  }
  ScriptObject object(document, "$", problem);
  if (const json::value* rules = object.find("rules")) read_rules(*rules, "$.rules", script, problem);
  script.limit = read_limit(object);
  read_journal(object, script.journal);
  read_accept(object, script.accept);
  object.finish();
  return script;
}

}  // namespace

base::Result<Script> parse_script(std::string_view text) {
  boost::system::error_code failed;
  const json::value document = json::parse(text, failed);
  if (failed)
    return base::fail(base::ErrorKind::invalid_configuration, "the script is not JSON: " + failed.message());
  Problem problem;
  Script script = read_script(document, problem);
  if (problem.found()) return base::fail(base::ErrorKind::invalid_configuration, problem.text());
  return script;
}

}  // namespace headworks::upstream
