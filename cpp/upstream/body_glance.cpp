#include "upstream/body_glance.hpp"

#include <cstring>

namespace headworks::upstream {
namespace {

class Scanner {
 public:
  explicit Scanner(std::string_view text) : at_(text.data()), end_(text.data() + text.size()) {}

  // Calls member(name) with the scanner before each value of the object that starts here; `member` must
  // consume it. False, and nothing is consumed, when no object starts here.
  template <class Member>
  bool each_member(Member&& member) {
    if (!take('{')) return false;
    do {
      skip_space();
      if (!at_string()) break;
      const std::string_view name = string();
      if (!take(':')) break;
      skip_space();
      member(name);
    } while (take(','));
    take('}');
    return true;
  }

  // The inside of the string that starts here; at the closing quote afterwards.
  std::string_view string() {
    const char* start = ++at_;
    while (at_ < end_) {
      const auto* quote =
          static_cast<const char*>(std::memchr(at_, '"', static_cast<std::size_t>(end_ - at_)));
      if (quote == nullptr) break;
      const char* slash = quote;
      while (slash > start && slash[-1] == '\\') --slash;
      at_ = quote + 1;
      if ((quote - slash) % 2 == 0) return {start, static_cast<std::size_t>(quote - start)};
    }
    at_ = end_;
    return {};
  }

  bool at_string() const { return at_ < end_ && *at_ == '"'; }

  // Skips one value; says whether it was `true`.
  bool value() {
    const char* start = at_;
    int depth = 0;
    while (at_ < end_) {
      const char c = *at_;
      if (c == '"') {
        string();
        if (depth == 0) return false;
        continue;
      }
      if (c == '{' || c == '[') ++depth;
      if (c == '}' || c == ']') --depth;
      if (depth < 0 || (depth == 0 && c == ',')) break;
      ++at_;
      if (depth == 0 && (c == '}' || c == ']')) break;
    }
    return std::string_view(start, static_cast<std::size_t>(at_ - start)).substr(0, 4) == "true";
  }

 private:
  void skip_space() {
    while (at_ < end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\r' || *at_ == '\t')) ++at_;
  }
  bool take(char c) {
    skip_space();
    if (at_ == end_ || *at_ != c) return false;
    ++at_;
    return true;
  }

  const char* at_;
  const char* end_;
};

}  // namespace

BodyGlance glance_at(std::string_view body) {
  BodyGlance glance;
  Scanner scanner(body);
  scanner.each_member([&](std::string_view name) {
    if (name == "model" && scanner.at_string()) {
      glance.model = scanner.string();
    } else if (name == "stream") {
      glance.stream = scanner.value();
    } else if (name == "stream_options") {
      const bool is_object = scanner.each_member([&](std::string_view option) {
        const bool on = scanner.value();
        if (option == "include_usage") glance.include_usage = on;
      });
      if (!is_object) scanner.value();
    } else {
      scanner.value();
    }
  });
  return glance;
}

}  // namespace headworks::upstream
