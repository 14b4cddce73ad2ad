#include "upstream/script_object.hpp"

#include <algorithm>
#include <cmath>

namespace headworks::upstream {

ScriptObject::ScriptObject(const boost::json::value& value, std::string path, Problem& problem)
    : object_(value.if_object()), path_(std::move(path)), problem_(problem) {
  if (object_ == nullptr) problem_.report(path_, "must be an object");
}

const boost::json::value* ScriptObject::find(std::string_view name) {
  if (std::find(known_.begin(), known_.end(), name) == known_.end()) known_.push_back(name);
  return object_ == nullptr ? nullptr : object_->if_contains(name);
}

void ScriptObject::read(std::string_view name, std::string& out) {
  const boost::json::value* value = find(name);
  if (value == nullptr) return;
  if (!value->is_string()) return problem_.report(path_of(name), "must be a string");
  out = value->get_string();
}

void ScriptObject::read(std::string_view name, bool& out) {
  const boost::json::value* value = find(name);
  if (value == nullptr) return;
  if (!value->is_bool()) return problem_.report(path_of(name), "must be true or false");
  out = value->get_bool();
}

void ScriptObject::read_number(std::string_view name, double& out, double most) {
  const boost::json::value* value = find(name);
  if (value == nullptr) return;
  boost::system::error_code failed;
  const double number = value->to_number<double>(failed);
  if (failed || !(number >= 0) || number > most) {
    return problem_.report(path_of(name), "must be a number from 0 to " + std::to_string(std::llround(most)));
  }
  out = number;
}

std::optional<std::uint64_t> ScriptObject::find_count(std::string_view name, std::uint64_t least,
                                                      std::uint64_t most) {
  const boost::json::value* value = find(name);
  if (value == nullptr) return std::nullopt;
  boost::system::error_code failed;
  const auto number = value->to_number<std::uint64_t>(failed);
  if (failed || number < least || number > most) {
    problem_.report(path_of(name),
                    "must be a whole number from " + std::to_string(least) + " to " + std::to_string(most));
    return std::nullopt;
  }
  return number;
}

std::uint64_t ScriptObject::read_count(std::string_view name, std::uint64_t fallback, std::uint64_t least,
                                       std::uint64_t most) {
  return find_count(name, least, most).value_or(fallback);
}

void ScriptObject::finish() {
  if (object_ == nullptr) return;
  for (const auto& member : *object_) {
    const std::string_view name = member.key();
    if (std::find(known_.begin(), known_.end(), name) != known_.end()) continue;
    std::string allowed;
    for (const std::string_view one : known_) allowed += (allowed.empty() ? "" : ", ") + std::string(one);
    problem_.report(path_of(name), "is not known here; known are: " + allowed);
  }
}

}  // namespace headworks::upstream
