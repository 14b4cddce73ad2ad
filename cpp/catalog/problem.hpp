// Problem: one thing that is wrong with a document, where, and what to write instead. What `check`, `apply`
// and the admin API show to people. Value type. Must not know: which document it is.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace headworks::catalog {

struct Problem {
  std::string path;     // "$.backends[0].rpm_limit"
  std::string message;  // what is wrong; never a secret
  std::string hint;     // what to write instead; may be empty

  bool operator==(const Problem&) const = default;
};

// [{"path", "message", "hint"}, ...] as JSON text.
std::string format_problems(std::span<const Problem> problems);

// "$.backends[0]" + "rpm_limit" -> "$.backends[0].rpm_limit"; a key that is not a plain word is quoted:
// $.model_mappings["qwen-*"].
std::string path_to(std::string_view parent, std::string_view key);
std::string path_to(std::string_view parent, std::size_t index);

// The known name that `given` was probably meant to be: one that contains it or is contained in it, or the
// nearest one by edits (insert, delete, replace, swap of neighbours) if it is near. Empty: none.
std::string_view find_closest(std::string_view given, std::span<const std::string_view> known);

// "did you mean 'x'?", or "one of: a, b, c" when nothing is near.
std::string suggest(std::string_view given, std::span<const std::string_view> known);

}  // namespace headworks::catalog
