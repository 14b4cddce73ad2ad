#include "admin/body.hpp"

#include <algorithm>
#include <charconv>
#include <vector>

#include "catalog/problem.hpp"
#include "catalog/utc_time.hpp"

namespace headworks::admin {
namespace {

using base::ErrorKind;
using base::Result;

std::optional<base::WallTime> find_moment(std::string_view text, base::WallTime now) {
  if (const auto at = catalog::parse_utc(text)) return at;
  std::int64_t count = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (failed != std::errc{} || end + 1 != text.data() + text.size() || count < 0 || count > 100'000) return std::nullopt;
  switch (*end) {
    case 'm': return now - std::chrono::minutes{count};
    case 'h': return now - std::chrono::hours{count};
    case 'd': return now - std::chrono::days{count};
    default: return std::nullopt;
  }
}

std::string path_of(std::string_view name) { return catalog::path_to("$", name); }

const boost::json::value* find_value(const boost::json::object& body, std::string_view name) {
  const boost::json::value* found = body.if_contains(name);
  return found == nullptr || found->is_null() ? nullptr : found;
}

}  // namespace

base::Error wrong(std::string path, std::string message, std::string hint) {
  base::Error error = base::fail(ErrorKind::bad_request, path + ": " + message);
  error.param = std::move(path);
  error.hint = std::move(hint);
  return error;
}

Result<const boost::json::object*> read_members(const boost::json::value& body,
                                                std::initializer_list<std::string_view> known) {
  const boost::json::object* object = body.if_object();
  if (object == nullptr) return wrong("$", "the body must be an object");
  const std::vector<std::string_view> names(known);
  for (const auto& member : *object) {
    const std::string_view name = member.key();
    if (std::find(names.begin(), names.end(), name) == names.end())
      return wrong(path_of(name), "there is no such field", catalog::suggest(name, names));
  }
  return object;
}

Result<std::optional<std::string>> find_text(const boost::json::object& body, std::string_view name) {
  const boost::json::value* found = find_value(body, name);
  if (found == nullptr) return std::optional<std::string>();
  if (!found->is_string()) return wrong(path_of(name), "must be a string");
  return std::optional<std::string>(std::string_view(found->get_string()));
}

Result<std::optional<double>> find_number(const boost::json::object& body, std::string_view name, double least,
                                          double most) {
  const boost::json::value* found = find_value(body, name);
  if (found == nullptr) return std::optional<double>();
  boost::system::error_code failed;
  const double value = found->to_number<double>(failed);
  const auto text = [](double number) {
    std::string made = std::to_string(number);
    made.erase(made.find_last_not_of('0') + 1);
    return made.ends_with('.') ? made.substr(0, made.size() - 1) : made;
  };
  if (failed || !(value >= least && value <= most))
    return wrong(path_of(name), "must be a number from " + text(least) + " to " + text(most));
  return std::optional<double>(value);
}

Result<std::optional<bool>> find_boolean(const boost::json::object& body, std::string_view name) {
  const boost::json::value* found = find_value(body, name);
  if (found == nullptr) return std::optional<bool>();
  if (!found->is_bool()) return wrong(path_of(name), "must be true or false");
  return std::optional<bool>(found->get_bool());
}

Result<std::uint64_t> read_count(const Call& call, std::string_view name, std::uint64_t otherwise, std::uint64_t most) {
  const std::string_view text = call.find_query(name);
  if (text.empty()) return otherwise;
  std::uint64_t value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failed != std::errc{} || end != text.data() + text.size() || value > most)
    return wrong("?" + std::string(name), "must be a whole number up to " + std::to_string(most));
  return value;
}

Result<base::WallTime> read_moment(const Call& call, std::string_view name, base::WallTime now,
                                         base::WallTime otherwise) {
  const std::string_view text = call.find_query(name);
  if (text.empty()) return otherwise;
  if (const auto at = find_moment(text, now)) return *at;
  return wrong("?" + std::string(name), "must be a moment or an age", "2026-01-31T09:30:00Z, 90m, 24h or 7d");
}

}  // namespace headworks::admin
