// HookBoard: which hooks are in force. Whoever runs plug-ins (the Python face) publishes them here and gets the hooks to
// take questions from; the loops hear of each new set. Also where operators ask for the plug-ins to be loaded again, and
// where finished exchanges go on their way to those who observe them.
//
// Thread-safe. Must not know: Python, loops (a Spread tells them).
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "base/log.hpp"
#include "hooks/hook.hpp"
#include "telemetry/exchange_record.hpp"
#include "telemetry/metrics.hpp"

namespace headworks::hooks {

class HookBoard {
 public:
  using SetPtr = std::shared_ptr<const HookSet>;  // null: no hook at all
  // Tells every loop; returns when each of them has it.
  using Spread = std::function<void(const SetPtr&)>;

  // Both must outlive the hooks' workers.
  HookBoard(telemetry::Metrics& metrics, base::Log& log);

  // From then on publish() tells the loops so; empty: there are none any more.
  void spread_with(Spread spread);

  // Replaces all hooks; the new ones, in the order of `rows`. The old ones are closed once no loop asks them any more.
  std::vector<std::shared_ptr<Hook>> publish(std::vector<HookRow> rows);
  SetPtr current() const;

  // How plug-ins are loaded again: a hook whose questions say nothing; its worker answers Pass, or a Failure with why
  // the old ones stay. Null: nobody runs plug-ins here.
  std::shared_ptr<Hook> reloader() const;
  std::shared_ptr<Hook> open_reloader();

  // Sink of the recorder.
  void on_exchanges(std::span<const telemetry::ExchangeRecord> records);

  // No answer reaches anybody any more, and no worker waits. REQUIRES that no loop runs.
  void close();

 private:
  const std::shared_ptr<const Hook::Observer> observer_;
  const std::shared_ptr<DeliveryGate> gate_ = std::make_shared<DeliveryGate>();
  std::mutex publishing_;     // held while one set is replaced; before mutex_
  mutable std::mutex mutex_;  // guards what follows
  Spread spread_;
  SetPtr current_;
  std::shared_ptr<Hook> reloader_;
};

}  // namespace headworks::hooks
