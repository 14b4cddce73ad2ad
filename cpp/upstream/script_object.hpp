// Reading one JSON object of a script: every member is asked for by name and type; what nobody asked for is
// an error. The first problem wins and is kept with its JSON path; after it the values read are the defaults.
// Must not know: what the members mean.
#pragma once

#include <boost/json.hpp>
#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace headworks::upstream {

// The first problem of a document.
class Problem {
 public:
  void report(std::string_view path, std::string_view message) {
    if (text_.empty()) text_ = std::string(path) + ": " + std::string(message);
  }
  bool found() const { return !text_.empty(); }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

// Lives no longer than the value and the Problem that it was made of.
class ScriptObject {
 public:
  // A value that is not an object is reported, and read as an empty one.
  ScriptObject(const boost::json::value& value, std::string path, Problem& problem);

  const boost::json::value* find(std::string_view name);
  std::string path_of(std::string_view name) const { return path_ + "." + std::string(name); }
  const std::string& path() const { return path_; }
  Problem& problem() { return problem_; }

  void read(std::string_view name, std::string& out);
  void read(std::string_view name, bool& out);
  void read_number(std::string_view name, double& out, double most);
  // A whole number from `least` to `most`; absent: `fallback`.
  std::uint64_t read_count(std::string_view name, std::uint64_t fallback, std::uint64_t least,
                           std::uint64_t most);
  std::optional<std::uint64_t> find_count(std::string_view name, std::uint64_t least, std::uint64_t most);

  // One of the words; absent: `out` stays.
  template <class Enum>
  void read_word(std::string_view name, Enum& out,
                 std::initializer_list<std::pair<std::string_view, Enum>> words) {
    const boost::json::value* value = find(name);
    if (value == nullptr) return;
    std::string allowed;
    for (const auto& [word, meaning] : words) {
      if (value->is_string() && value->get_string() == word) {
        out = meaning;
        return;
      }
      allowed += (allowed.empty() ? "\"" : ", \"") + std::string(word) + "\"";
    }
    problem_.report(path_of(name), "must be one of " + allowed);
  }

  // Reports the members that were never asked for.
  void finish();

 private:
  const boost::json::object* object_ = nullptr;
  std::string path_;
  Problem& problem_;
  std::vector<std::string_view> known_;
};

}  // namespace headworks::upstream
