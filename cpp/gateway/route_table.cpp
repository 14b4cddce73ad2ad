#include "gateway/route_table.hpp"

namespace headworks::gateway {

LoopCatalog::LoopCatalog(std::shared_ptr<const catalog::Snapshot> from) : snapshot(std::move(from)) {
  endpoints.reserve(snapshot->backends().size());
  for (const catalog::BackendEntry& entry : snapshot->backends()) endpoints.emplace_back(entry.url);
}

ModelRoute::ModelRoute(std::shared_ptr<const LoopCatalog> from, catalog::Api api, std::string_view name,
                       catalog::Route route)
    : catalog(std::move(from)),
      model(name),
      shown(name),
      named(catalog->snapshot->names(name)),
      lane(std::hash<std::string_view>{}(name) * 2 + static_cast<std::uint64_t>(api)),
      state(std::move(route)) {
  masked = catalog->snapshot->secrets().mask(shown) + catalog::mask_made_keys(shown);
}

ModelRoute::ModelRoute(const ModelRoute& other, catalog::Route ordered)
    : catalog(other.catalog),
      model(other.model),
      shown(other.shown),
      masked(other.masked),
      named(other.named),
      lane(other.lane),
      state(std::move(ordered), routing::RouteState::Order::as_given) {}

void RouteTable::set_snapshot(std::shared_ptr<const catalog::Snapshot> snapshot) {
  catalog_ = std::make_shared<const LoopCatalog>(std::move(snapshot));
  for (Routes& routes : routes_) routes.clear();
}

std::shared_ptr<const ModelRoute> RouteTable::find(catalog::Api api, std::string_view model) {
  Routes& routes = routes_[static_cast<std::size_t>(api)];
  if (const auto found = routes.find(model); found != routes.end()) return found->second;
  catalog::Route route = catalog_->snapshot->make_route(api, model);
  if (route.empty()) return nullptr;
  if (routes.size() >= kMaxRoutes) routes.clear();
  auto made = std::make_shared<const ModelRoute>(catalog_, api, model, std::move(route));
  routes.emplace(std::string(model), made);
  return made;
}

}  // namespace headworks::gateway
