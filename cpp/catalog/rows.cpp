#include "catalog/rows.hpp"

#include <array>
#include <algorithm>

namespace headworks::catalog {
namespace {

// In the order of the enumerators.
constexpr std::array<std::string_view, 2> kApis = {"openai", "anthropic"};
constexpr std::array<std::string_view, 4> kStatuses = {"healthy", "cooling", "error", "disabled"};
constexpr std::array<std::string_view, 3> kKeyStates = {"none", "readable", "unreadable"};
constexpr std::array<std::string_view, 6> kStrategies = {"weighted", "least_in_flight", "fastest",
                                                         "cheapest", "ordered",         "sticky"};
constexpr std::array<std::string_view, 4> kWindows = {"minute", "hour", "day", "month"};

template <class Enum, std::size_t N>
std::optional<Enum> find_in(const std::array<std::string_view, N>& names, std::string_view name) {
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) return std::nullopt;
  return static_cast<Enum>(found - names.begin());
}

}  // namespace

std::string_view name_of(Api api) { return kApis[static_cast<std::size_t>(api)]; }
std::span<const std::string_view> api_names() { return kApis; }
std::optional<Api> find_api(std::string_view name) { return find_in<Api>(kApis, name); }

std::string_view name_of(BackendStatus status) { return kStatuses[static_cast<std::size_t>(status)]; }
std::span<const std::string_view> backend_status_names() { return kStatuses; }
std::optional<BackendStatus> find_backend_status(std::string_view name) {
  return find_in<BackendStatus>(kStatuses, name);
}

std::string_view name_of(KeyState state) { return kKeyStates[static_cast<std::size_t>(state)]; }
std::span<const std::string_view> strategy_names() { return kStrategies; }
std::span<const std::string_view> budget_windows() { return kWindows; }

Backend Backend::copy() const {
  Backend twin;
  twin.id = id;
  twin.name = name;
  twin.label = label;
  twin.api_base_url = api_base_url;
  twin.api_key = api_key.copy();
  twin.api_key_hint = api_key_hint;
  twin.key_state = key_state;
  twin.api = api;
  twin.timeout_seconds = timeout_seconds;
  twin.timeouts = timeouts;
  twin.rpm_limit = rpm_limit;
  twin.tpm_limit = tpm_limit;
  twin.max_in_flight = max_in_flight;
  twin.weight = weight;
  twin.pool = pool;
  twin.enabled = enabled;
  twin.status = status;
  twin.model_mappings = model_mappings;
  twin.source = source;
  twin.cooldown_until = cooldown_until;
  twin.consecutive_429_count = consecutive_429_count;
  twin.metadata_json = metadata_json;
  twin.created_at = created_at;
  twin.updated_at = updated_at;
  return twin;
}

bool matches(std::string_view pattern, std::string_view name) {
  const std::size_t star = pattern.find('*');
  if (star == std::string_view::npos) return pattern == name;
  const std::string_view head = pattern.substr(0, star);
  const std::string_view tail = pattern.substr(star + 1);
  return name.size() >= head.size() + tail.size() && name.starts_with(head) && name.ends_with(tail);
}

std::string substitute(std::string_view pattern, std::string_view target, std::string_view name) {
  const std::size_t star = pattern.find('*');
  const std::size_t hole = target.find('*');
  if (star == std::string_view::npos || hole == std::string_view::npos) return std::string(target);
  const std::string_view matched = name.substr(star, name.size() - (pattern.size() - 1));
  std::string out;
  out.reserve(target.size() + matched.size());
  out.append(target.substr(0, hole)).append(matched).append(target.substr(hole + 1));
  return out;
}

std::size_t fit_of(std::string_view pattern, std::string_view name) {
  if (!matches(pattern, name)) return 0;
  return pattern.find('*') == std::string_view::npos ? std::string_view::npos : pattern.size();
}

const Price* find_best_price(std::span<const Price> prices, std::string_view model) {
  const Price* best = nullptr;
  std::size_t best_fit = 0;
  for (const Price& price : prices) {
    const std::size_t fit = fit_of(price.model, model);
    if (fit > best_fit) best = &price, best_fit = fit;
  }
  return best;
}

constexpr std::array<std::string_view, 3> kRoles = {"viewer", "operator", "admin"};

std::string_view name_of(Role role) { return kRoles[static_cast<std::size_t>(role)]; }

std::optional<Role> find_role(std::string_view name) {
  const auto found = std::find(kRoles.begin(), kRoles.end(), name);
  return found == kRoles.end() ? std::nullopt : std::optional(static_cast<Role>(found - kRoles.begin()));
}

}  // namespace headworks::catalog
