// The data plane's cooldowns on their way to the store, and back into the gauges at a start.
#pragma once

#include "base/log.hpp"
#include "catalog/snapshot.hpp"
#include "gateway/loop_context.hpp"
#include "store/store.hpp"

namespace headworks::app {

class StoredCooldowns final : public gateway::CooldownKeeper {
 public:
  // All must outlive this.
  StoredCooldowns(store::Store& store, telemetry::Metrics& metrics, base::Log& log)
      : store_(store), metrics_(metrics), log_(log) {}

  void on_cooldown(Begun begun) override;
  void on_recovered(std::string backend_id, std::optional<std::string> model) override;

  // What still runs goes into the gauges: a restart changes nothing.
  static base::Result<void> restore(store::Store& store, const catalog::Snapshot& snapshot, const base::Clock& clock);

 private:
  store::Store& store_;
  telemetry::Metrics& metrics_;
  base::Log& log_;
};

}  // namespace headworks::app
