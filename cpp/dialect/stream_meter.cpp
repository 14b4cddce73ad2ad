#include "dialect/stream_meter.hpp"

#include <algorithm>

#include "dialect/usage_reader.hpp"

namespace headworks::dialect {
namespace {

// What stands behind `key` and its colon, blanks skipped; npos when the key is not there.
std::size_t value_of(std::string_view data, std::string_view key) {
  std::size_t at = data.find(key);
  if (at == std::string_view::npos) return at;
  at += key.size();
  while (at < data.size() && (data[at] == ' ' || data[at] == ':')) ++at;
  return at < data.size() ? at : std::string_view::npos;
}

bool has_empty_choices(std::string_view data) {
  const std::size_t at = value_of(data, "\"choices\"");
  if (at == std::string_view::npos || data[at] != '[') return false;
  const std::size_t next = data.find_first_not_of(' ', at + 1);
  return next != std::string_view::npos && data[next] == ']';
}

// {"error": ...}: the error is the first member, as all providers write it.
bool is_error_object(std::string_view data) {
  const std::size_t key = data.find_first_not_of(" {");
  if (key == std::string_view::npos || data.substr(key, 7) != "\"error\"") return false;
  const std::size_t value = value_of(data, "\"error\"");
  return value != std::string_view::npos && data[value] != 'n';
}

// The event's type where the provider leaves the `event:` line out.
std::string_view type_in(std::string_view data) {
  const std::size_t at = value_of(data, "\"type\"");
  if (at == std::string_view::npos || data[at] != '"') return {};
  const std::size_t end = data.find('"', at + 1);
  return end == std::string_view::npos ? std::string_view{} : data.substr(at + 1, end - at - 1);
}

}  // namespace

StreamMeter::Verdict StreamMeter::on_event(json::JsonReader& reader, const wire::SseEvent& event) {
  if (!event.has_data || shape_ == StreamShape::none) return Verdict::pass;
  if (event.data == "[DONE]") {
    done_seen_ = true;
    return Verdict::pass;
  }
  if (event.name == "error" || is_error_object(event.data)) return Verdict::error;
  ++events_;
  if (shape_ == StreamShape::chat || shape_ == StreamShape::completions) return on_openai_event(reader, event.data);
  return on_named_event(reader, event.name.empty() ? type_in(event.data) : event.name, event.data);
}

StreamMeter::Verdict StreamMeter::on_openai_event(json::JsonReader& reader, std::string_view data) {
  if (const std::size_t reason = value_of(data, "\"finish_reason\""); reason != std::string_view::npos && data[reason] == '"')
    final_seen_ = true;
  const std::size_t usage = value_of(data, "\"usage\"");
  if (usage != std::string_view::npos && data[usage] == '{' && read_usage(reader, data, usage_)) {
    usage_seen_ = true;
    if (has_empty_choices(data)) return usage_is_ours_ ? Verdict::remove : Verdict::pass;
  }
  ++content_events_;
  return Verdict::pass;
}

StreamMeter::Verdict StreamMeter::on_named_event(json::JsonReader& reader, std::string_view name, std::string_view data) {
  if (shape_ == StreamShape::messages) {
    if (name == "content_block_delta") {
      ++content_events_;
    } else if (name == "message_start" || name == "message_delta") {
      const bool read = read_usage(reader, data, usage_);
      usage_seen_ |= read && name == "message_delta";
    } else if (name == "message_stop") {
      final_seen_ = true;
    } else if (name == "error") {
      return Verdict::error;
    } else if (name == "ping") {
      --events_;  // a sign of life, not an answer
    }
    return Verdict::pass;
  }
  if (name.ends_with(".delta")) {
    ++content_events_;
  } else if (name == "response.completed" || name == "response.incomplete" || name == "response.failed") {
    final_seen_ = true;
    usage_seen_ |= read_usage(reader, data, usage_);
  } else if (name == "error") {
    return Verdict::error;
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
