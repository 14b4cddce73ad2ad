#include "store/plan_text.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "json/json_reader.hpp"
#include "json/json_writer.hpp"

namespace headworks::store {
namespace {

using telemetry::PlanStep;

constexpr std::array<std::string_view, 4> kNames = {"passed_over", "waited", "failed", "hook"};

PlanStep::Kind kind_of(std::string_view name) {
  const auto found = std::find(kNames.begin(), kNames.end(), name);
  return found == kNames.end() ? PlanStep::Kind::passed_over : static_cast<PlanStep::Kind>(found - kNames.begin());
}

double number_of(std::string_view text) {
  double value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

}  // namespace

std::string format_plan(std::span<const PlanStep> plan) {
  std::string text;
  json::JsonWriter json(text);
  json.open_array();
  for (const PlanStep& step : plan) {
    json.open_object().key("what").string(kNames[static_cast<std::size_t>(step.kind)]);
    json.key("attempts_before").number(step.attempts_before);
    json.key("why").string(step.why);
    if (step.kind == PlanStep::Kind::waited) {
      json.key("seconds").real(std::chrono::duration<double>(step.lasted).count());
    } else if (step.kind == PlanStep::Kind::failed) {
      if (!step.cooled_scope.empty()) {
        json.key("cooled").string(step.cooled_scope).key("source").string(step.cooled_source);
        json.key("seconds").real(std::chrono::duration<double>(step.lasted).count());
      }
    } else if (step.kind == PlanStep::Kind::hook) {
      json.key("hook").string(step.backend);
    } else if (step.backend.empty()) {
      json.key("count").number(step.count);
    } else {
      json.key("backend").string(step.backend).key("pool").string(step.pool);
      json.key("score").real(step.score);
    }
    json.close_object();
  }
  json.close_array();
  return text;
}

std::vector<PlanStep> parse_plan(std::string_view text, std::deque<std::string>& texts) {
  std::vector<PlanStep> plan;
  std::string padded(text);
  padded.reserve(padded.size() + json::kPadding);
  json::JsonReader outer, inner;
  const auto read = outer.read_array(padded, 8, [&](const json::Member& element) -> base::Result<void> {
    PlanStep step;
    const auto object = inner.read_object(element.value.in(padded), 8, [&](const json::Member& member) -> base::Result<void> {
      const std::string_view value = member.value.in(element.value.in(padded));
      const auto keep = [&]() -> std::string_view { return texts.emplace_back(member.text); };
      if (member.key == "what") step.kind = kind_of(member.text);
      else if (member.key == "attempts_before") step.attempts_before = static_cast<std::uint8_t>(number_of(value));
      else if (member.key == "count") step.count = static_cast<std::uint32_t>(number_of(value));
      else if (member.key == "why") step.why = keep();
      else if (member.key == "backend" || member.key == "hook") step.backend = keep();
      else if (member.key == "pool") step.pool = keep();
      else if (member.key == "cooled") step.cooled_scope = keep();
      else if (member.key == "source") step.cooled_source = keep();
      else if (member.key == "score") step.score = static_cast<float>(number_of(value));
      else if (member.key == "seconds")
        step.lasted = std::chrono::duration_cast<base::Duration>(std::chrono::duration<double>(number_of(value)));
      return {};
    });
    if (!object) return object.error();
    plan.push_back(step);
    return {};
  });
  if (!read) plan.clear();
  return plan;
}

}  // namespace headworks::store
