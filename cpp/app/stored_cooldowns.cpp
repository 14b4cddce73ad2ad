#include "app/stored_cooldowns.hpp"

namespace headworks::app {

void StoredCooldowns::on_cooldown(Begun begun) {
  metrics_.add(telemetry::Metric::cooldowns, {begun.backend, routing::name_of(begun.cooldown.cause)});
  log_.log(base::LogLevel::warn, "a backend cools down",
           {{"backend", begun.backend},
            {"cause", routing::name_of(begun.cooldown.cause)},
            {"scope", routing::name_of(begun.cooldown.scope)},
            {"seconds", std::chrono::duration<double>(begun.cooldown.duration).count()},
            {"source", routing::name_of(begun.cooldown.source)},
            {"request_id", begun.request_id}});
  store::CooldownRow row;
  row.backend_id = std::move(begun.backend_id);
  row.model = std::move(begun.model);
  row.scope = routing::name_of(begun.cooldown.scope);
  row.cause = routing::name_of(begun.cooldown.cause);
  row.duration_source = routing::name_of(begun.cooldown.source);
  row.request_id = std::move(begun.request_id);
  row.consecutive = begun.cooldown.consecutive;
  row.started = begun.started;
  row.until = begun.started + begun.cooldown.duration;
  if (!store_.post_cooldown(std::move(row)))
    log_.log(base::LogLevel::error, "a cooldown was not stored: the store's queue is full; a restart would forget it");
}

void StoredCooldowns::on_recovered(std::string backend_id, std::optional<std::string> model) {
  store_.post_recovered(std::move(backend_id), std::move(model));
}

base::Result<void> StoredCooldowns::restore(store::Store& store, const catalog::Snapshot& snapshot,
                                            const base::Clock& clock) {
  const auto running = store.running_cooldowns();
  if (!running) return running.error();
  for (const store::CooldownRow& row : *running) {
    const catalog::BackendEntry* backend = snapshot.find_backend(row.backend_id);
    if (backend == nullptr) continue;
    const base::TimePoint until = clock.now() + (row.until - clock.wall());
    const auto because = row.cause == "failing" || row.cause == "auth" ? gauges::Recovery::Because::failing
                                                                       : gauges::Recovery::Because::limited;
    if (row.scope == "address") {
      backend->origin->recovery().cool(until, because);
      continue;
    }
    gauges::Recovery* model =
        row.model ? backend->gauge->take_model(catalog::model_hash(*row.model), clock.now()) : nullptr;
    (model == nullptr ? backend->gauge->recovery() : *model).cool(until, because);
    if (row.cause == "rate_limited") backend->gauge->restore_429(static_cast<std::uint32_t>(row.consecutive));
  }
  return {};
}

}  // namespace headworks::app
