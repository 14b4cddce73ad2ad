#include "catalog/problem.hpp"

#include <algorithm>
#include <boost/json.hpp>

namespace headworks::catalog {
namespace {

constexpr std::size_t kMaxWord = 64;      // longer ones are not worth a guess
constexpr std::size_t kMaxListed = 16;    // more known names than that are not listed
constexpr std::size_t kShortestPart = 3;  // "rpm" suggests rpm_limit, "a" nothing

// Optimal string alignment distance.
std::size_t edits_between(std::string_view left, std::string_view right) {
  std::vector<std::size_t> before(right.size() + 1), last(right.size() + 1), row(right.size() + 1);
  for (std::size_t j = 0; j <= right.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= left.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= right.size(); ++j) {
      const std::size_t replaced = last[j - 1] + (left[i - 1] == right[j - 1] ? 0 : 1);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, replaced});
      if (i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1])
        row[j] = std::min(row[j], before[j - 2] + 1);
    }
    before.swap(last);
    last.swap(row);
  }
  return last[right.size()];
}

bool is_plain_word(std::string_view key) {
  return !key.empty() && std::all_of(key.begin(), key.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

}  // namespace

std::string format_problems(std::span<const Problem> problems) {
  boost::json::array out;
  for (const Problem& problem : problems)
    out.push_back({{"path", problem.path}, {"message", problem.message}, {"hint", problem.hint}});
  return boost::json::serialize(out);
}

std::string path_to(std::string_view parent, std::string_view key) {
  std::string path(parent);
  if (is_plain_word(key)) return path.append(".").append(key);
  return path.append("[").append(boost::json::serialize(boost::json::string(key))).append("]");
}

std::string path_to(std::string_view parent, std::size_t index) {
  return std::string(parent) + "[" + std::to_string(index) + "]";
}

std::string_view find_closest(std::string_view given, std::span<const std::string_view> known) {
  if (given.size() > kMaxWord || given.empty()) return {};
  std::string_view best;
  std::size_t best_edits = std::max<std::size_t>(1, given.size() / 3) + 1;
  for (const std::string_view name : known) {
    const std::size_t edits = edits_between(given, name);
    if (edits < best_edits) best = name, best_edits = edits;
  }
  if (!best.empty() || given.size() < kShortestPart) return best;
  for (const std::string_view name : known) {
    const bool part = name.find(given) != std::string_view::npos ||
                      (name.size() >= kShortestPart && given.find(name) != std::string_view::npos);
    if (part && (best.empty() || name.size() < best.size())) best = name;
  }
  return best;
}

std::string suggest(std::string_view given, std::span<const std::string_view> known) {
  const std::string_view closest = find_closest(given, known);
  if (!closest.empty()) return "did you mean '" + std::string(closest) + "'?";
  if (known.size() > kMaxListed) return {};
  std::string hint = "one of: ";
  for (const std::string_view& name : known) hint.append(&name == known.data() ? "" : ", ").append(name);
  return hint;
}

}  // namespace headworks::catalog
