#include "admin/admin_routes.hpp"

#include <array>

#include "admin/endpoints.hpp"
#include "wire/query.hpp"

namespace headworks::admin {
namespace {

constexpr std::string_view kPage = "before limit";

constexpr std::array kTable = {
    RouteRow{"GET", "/backends", Role::viewer, list_backends, "All backends, without their keys.", BodyRule::none, "pool"},
    RouteRow{"POST", "/backends", Role::admin, create_backend, "Makes a backend.", BodyRule::required},
    RouteRow{"GET", "/backends/{id}", Role::viewer, get_backend, "One backend, by id or name, with its live gauges."},
    RouteRow{"PATCH", "/backends/{id}", Role::admin, change_backend, "Changes what is named.", BodyRule::required},
    RouteRow{"DELETE", "/backends/{id}", Role::admin, remove_backend, "Removes a backend."},
    RouteRow{"PUT", "/backends/{id}/status", Role::operator_, put_backend_status, "healthy, error or disabled.",
             BodyRule::required},
    RouteRow{"PUT", "/backends/{id}/cooldown", Role::operator_, put_backend_cooldown,
             "Rests until a moment or for seconds, instead of whatever it rests for now.", BodyRule::required},
    RouteRow{"DELETE", "/backends/{id}/cooldown", Role::operator_, clear_backend_cooldown,
             "Ends every cooldown of the backend, of its models and of its address."},
    RouteRow{"GET", "/cooldowns", Role::viewer, list_cooldowns, "Running and past, newest first, with their causes.",
             BodyRule::none, kPage},
    RouteRow{"GET", "/exchanges", Role::viewer, list_exchanges, "The last finished ones, newest first.", BodyRule::none,
             "limit"},
    RouteRow{"GET", "/exchanges/{request_id}", Role::viewer, get_exchange,
             "One with its plan, attempts, clocks and cost."},
    RouteRow{"POST", "/explain", Role::viewer, post_explain, "The plan that would be made now.", BodyRule::required},
};

// "/a/{x}/b" against "/a/1/b".
bool matches(std::string_view pattern, std::string_view path, std::vector<std::string>& values) {
  values.clear();
  while (!pattern.empty() && !path.empty()) {
    const std::string_view wanted = pattern.substr(0, pattern.find('/', 1));
    const std::string_view given = path.substr(0, path.find('/', 1));
    if (wanted.starts_with("/{")) {
      auto value = wire::decode_percent(given.substr(1), wire::Plus::stays);
      if (!value || value->empty()) return false;
      values.push_back(*std::move(value));
    } else if (wanted != given) {
      return false;
    }
    pattern.remove_prefix(wanted.size());
    path.remove_prefix(given.size());
  }
  return pattern.empty() && path.empty();
}

}  // namespace

std::string_view name_of(Role role) {
  constexpr std::array<std::string_view, 3> kNames = {"viewer", "operator", "admin"};
  return kNames[static_cast<std::size_t>(role)];
}

std::string_view Call::find_query(std::string_view name) const {
  for (const auto& [key, value] : query)
    if (key == name) return value;
  return {};
}

std::span<const RouteRow> routes() { return kTable; }

Routed route(std::string_view method, std::string_view path) {
  Routed routed;
  const std::string_view asked = method == "HEAD" ? "GET" : method;
  for (const RouteRow& row : kTable) {
    if (!matches(row.path, path, routed.values)) continue;
    if (row.method == asked) {
      routed.row = &row;
      return routed;
    }
    routed.allowed.append(routed.allowed.empty() ? "" : ", ").append(row.method);
  }
  return routed;
}

}  // namespace headworks::admin
