#include "dialect/stream_meter.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "dialect/key_search.hpp"
#include "dialect/usage_reader.hpp"

namespace headworks::dialect {
namespace {

constexpr auto npos = std::string_view::npos;
constexpr std::uint32_t kDepth = 64;
constexpr std::size_t kMaxChoices = 16;  // in one event; providers send one

struct Choice {
  std::uint64_t bit = 1;
  bool finished = false;
};

std::uint64_t bit_of(std::string_view index) {
  std::uint64_t number = 0;
  std::from_chars(index.data(), index.data() + index.size(), number);
  return std::uint64_t{1} << std::min<std::uint64_t>(number, 63);
}

Choice read_choice(json::JsonReader& reader, std::string_view text) {
  Choice choice;
  (void)reader.read_object(text, kDepth, [&](const json::Member& member) -> base::Result<void> {
    if (member.key == "index" && member.type == json::Type::number)
      choice.bit = bit_of(member.value.in(text));
    if (member.key == "finish_reason") choice.finished = member.type == json::Type::string;
    return {};
  });
  return choice;
}

// Whether the event is the provider's error. Most write {"error": ...}; some put it beside the usual members,
// or write {"object": "error", ...}.
bool is_error_object(json::JsonReader& reader, std::string_view data) {
  bool error = false;
  (void)reader.read_object(data, kDepth, [&](const json::Member& member) -> base::Result<void> {
    error |=
        member.key == "error" && (member.type == json::Type::object || member.type == json::Type::string);
    error |= member.key == "object" && member.text == "error";
    return {};
  });
  return error;
}

// The event's type where the provider leaves the `event:` line out.
std::string_view type_in(std::string_view data) {
  const std::size_t at = find_value(data, "\"type\"");
  if (at == npos || data[at] != '"') return {};
  const std::size_t end = data.find('"', at + 1);
  return end == npos ? std::string_view{} : data.substr(at + 1, end - at - 1);
}

// Also true for what is no array.
bool is_empty_array(std::string_view data, std::size_t at) {
  const std::size_t first = skip_json_blanks(data, at + 1);
  return data[at] != '[' || first == data.size() || data[first] == ']';
}

// Whether a choice says why it ended.
bool has_finish_reason(std::string_view data, std::size_t from) {
  static constexpr std::string_view kKey = "\"finish_reason\"";
  for (std::size_t at = find_value(data, kKey, from); at != npos; at = find_value(data, kKey, at))
    if (data[at] == '"') return true;
  return false;
}

// The number that begins at data[at] is 0.
bool is_zero(std::string_view data, std::size_t at) {
  return data[at] == '0' && (at + 1 == data.size() || data[at + 1] < '0' || data[at + 1] > '9');
}

// Whether all choices of the event are choice 0, as nearly always; false also when a search cannot tell.
bool is_only_choice(std::string_view data, std::size_t from) {
  static constexpr std::string_view kKey = "\"index\"";
  for (std::size_t at = find_value(data, kKey, from); at != npos; at = find_value(data, kKey, at))
    if (!is_zero(data, at)) return false;
  return true;
}

}  // namespace

StreamMeter::Verdict StreamMeter::on_event(json::JsonReader& reader, const wire::SseEvent& event) {
  if (!event.has_data || shape_ == StreamShape::none) return Verdict::pass;
  if (event.data == "[DONE]") {
    done_seen_ = true;
    return Verdict::pass;
  }
  if (event.name == "error") return Verdict::error;
  if (shape_ == StreamShape::chat || shape_ == StreamShape::completions)
    return on_openai_event(reader, event.data);
  if (!event.name.empty()) return on_named_event(event.name, event.data);
  if (is_error_object(reader, event.data)) return Verdict::error;
  return on_named_event(type_in(event.data), event.data);
}

void StreamMeter::note_choices(json::JsonReader& reader, std::string_view data) {
  std::string_view choices;
  std::array<std::string_view, kMaxChoices> texts;
  std::size_t count = 0;
  (void)reader.read_object(data, kDepth, [&](const json::Member& member) -> base::Result<void> {
    if (member.key == "choices" && member.type == json::Type::array) choices = member.value.in(data);
    return {};
  });
  if (choices.empty()) return;
  (void)reader.read_array(choices, kDepth, [&](const json::Member& element) -> base::Result<void> {
    if (element.type == json::Type::object && count < kMaxChoices) texts[count++] = element.value.in(choices);
    return {};
  });
  for (std::size_t i = 0; i < count; ++i) {
    const Choice choice = read_choice(reader, texts[i]);
    seen_ |= choice.bit;
    if (choice.finished) finished_ |= choice.bit;
  }
}

StreamMeter::Verdict StreamMeter::on_openai_event(json::JsonReader& reader, std::string_view data) {
  const std::size_t choices = find_value(data, "\"choices\"");
  if (choices == npos && is_error_object(reader, data)) return Verdict::error;
  ++events_;
  const bool none = choices == npos || is_empty_array(data, choices);
  if (!none) {
    const bool finish = has_finish_reason(data, choices);
    if (finish && is_error_object(reader, data)) {
      --events_;
      return Verdict::error;
    }
    if (finish || !is_only_choice(data, choices))
      note_choices(reader, data);
    else
      seen_ |= 1;
    ++content_events_;
  }
  const std::size_t usage = find_value(data, "\"usage\"");
  if (usage == npos || data[usage] != '{' || !read_usage(data, usage_)) return Verdict::pass;
  usage_seen_ = true;
  return none && usage_is_ours_ ? Verdict::remove : Verdict::pass;
}

StreamMeter::Verdict StreamMeter::on_named_event(std::string_view name, std::string_view data) {
  if (name == "error") return Verdict::error;
  if (shape_ == StreamShape::messages) {
    if (name == "ping") return Verdict::pass;  // a sign of life, not an answer
    ++events_;
    if (name == "content_block_delta") {
      ++content_events_;
    } else if (name == "message_start" || name == "message_delta") {
      const bool read = read_usage(data, usage_);
      usage_seen_ |= read && name == "message_delta";
    } else if (name == "message_stop") {
      final_seen_ = true;
    }
    return Verdict::pass;
  }
  // Before anything else came, a failure is one that another backend may make good.
  if (name == "response.failed" && events_ == 0) return Verdict::error;
  ++events_;
  if (name.ends_with(".delta")) {
    ++content_events_;
  } else if (name == "response.completed" || name == "response.incomplete" || name == "response.failed") {
    final_seen_ = true;
    usage_seen_ |= read_usage(data, usage_);
  }
  return Verdict::pass;
}

base::Usage StreamMeter::usage(bool cut) const {
  base::Usage usage = usage_;
  if (usage_seen_ && !cut) {
    usage.source = base::UsageSource::reported;
  } else if (events_ > 0) {
    usage.output_tokens = std::max(usage.output_tokens, content_events_);
    usage.source = cut ? base::UsageSource::partial : base::UsageSource::estimated;
  }
  return usage;
}

}  // namespace headworks::dialect
