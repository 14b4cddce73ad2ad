#include "catalog/field.hpp"

#include <cmath>
#include <limits>

namespace headworks::catalog {
namespace {

namespace json = boost::json;

constexpr double kLargestWhole = 9'007'199'254'740'992;  // 2^53: exact as double and in JavaScript

std::string name_of_kind(const json::value& value) {
  switch (value.kind()) {
    case json::kind::null:
      return "null";
    case json::kind::bool_:
      return "true or false";
    case json::kind::string:
      return "a text";
    case json::kind::array:
      return "a list";
    case json::kind::object:
      return "an object";
    default:
      return "a number";
  }
}

void wrong_type(const json::value& value, std::string_view wanted, const std::string& path,
                std::vector<Problem>& problems) {
  problems.push_back({path, "must be " + std::string(wanted) + ", not " + name_of_kind(value), ""});
}

std::string text_of(double number) { return json::serialize(format_number(number)); }

}  // namespace

json::value format_number(double number) {
  if (number == std::floor(number) && std::abs(number) <= kLargestWhole)
    return static_cast<std::int64_t>(number);
  return number;
}

void check_text(std::string_view text, const Bounds& bounds, const std::string& path,
                std::vector<Problem>& problems) {
  const auto size = static_cast<double>(text.size());
  if (size < bounds.min) problems.push_back({path, "must not be empty", ""});
  if (size > bounds.max)
    problems.push_back({path, "must not be longer than " + text_of(bounds.max) + " bytes", ""});
  const bool control = std::any_of(text.begin(), text.end(),
                                   [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
  if (control) problems.push_back({path, "must not hold control characters", ""});
}

void check_number(double number, const Bounds& bounds, bool whole, const std::string& path,
                  std::vector<Problem>& problems) {
  if (number >= bounds.min && number <= bounds.max && (!whole || number == std::floor(number))) return;
  problems.push_back({path,
                      std::string("must be a ") + (whole ? "whole number" : "number") + " from " +
                          text_of(bounds.min) + " to " + text_of(bounds.max),
                      ""});
}

std::optional<std::string> parse_text(const json::value& value, const Bounds& bounds, const std::string& path,
                                      std::vector<Problem>& problems) {
  if (!value.is_string()) return wrong_type(value, "a text", path, problems), std::nullopt;
  const std::string_view text = value.get_string();
  const std::size_t before = problems.size();
  check_text(text, bounds, path, problems);
  if (problems.size() != before) return std::nullopt;
  return std::string(text);
}

std::optional<bool> parse_boolean(const json::value& value, const std::string& path,
                                  std::vector<Problem>& problems) {
  if (!value.is_bool()) return wrong_type(value, "true or false", path, problems), std::nullopt;
  return value.get_bool();
}

std::optional<double> parse_number(const json::value& value, const Bounds& bounds, bool whole,
                                   const std::string& path, std::vector<Problem>& problems) {
  if (!value.is_number())
    return wrong_type(value, whole ? "a whole number" : "a number", path, problems), std::nullopt;
  const auto number = value.to_number<double>();
  const std::size_t before = problems.size();
  check_number(number, bounds, whole, path, problems);
  if (problems.size() != before) return std::nullopt;
  return number;
}

std::optional<std::string> parse_choice(const json::value& value, std::span<const std::string_view> known,
                                        const std::string& path, std::vector<Problem>& problems) {
  if (!value.is_string()) return wrong_type(value, "a text", path, problems), std::nullopt;
  const std::string_view given = value.get_string();
  if (std::find(known.begin(), known.end(), given) != known.end()) return std::string(given);
  problems.push_back(
      {path, "'" + std::string(given.substr(0, 64)) + "' is not known here", suggest(given, known)});
  return std::nullopt;
}

const json::object* find_object(const json::value& value, const std::string& path,
                                std::vector<Problem>& problems) {
  if (value.is_object()) return &value.get_object();
  return wrong_type(value, "an object", path, problems), nullptr;
}

const json::array* find_array(const json::value& value, const std::string& path,
                              std::vector<Problem>& problems) {
  if (value.is_array()) return &value.get_array();
  return wrong_type(value, "a list", path, problems), nullptr;
}

json::object schema_of_scalar(std::string_view type, const Bounds& bounds) {
  if (type == "string")
    return {
        {"type", type}, {"minLength", format_number(bounds.min)}, {"maxLength", format_number(bounds.max)}};
  return {{"type", type}, {"minimum", format_number(bounds.min)}, {"maximum", format_number(bounds.max)}};
}

json::object schema_of_choice(std::span<const std::string_view> known) {
  return {{"enum", json::array(known.begin(), known.end())}};
}

}  // namespace headworks::catalog
