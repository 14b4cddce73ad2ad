// One log line per finished exchange. A sink of the recorder. Must not know: text or JSON, where the lines
// go.
#pragma once

#include <span>

#include "base/log.hpp"
#include "telemetry/exchange_record.hpp"

namespace headworks::telemetry {

class ExchangeLog {
 public:
  // `log` must outlive this.
  explicit ExchangeLog(base::Log& log) : log_(log) {}

  // Level: info for what went well, else the level of the error. The line's time is the exchange's end.
  void on_exchanges(std::span<const ExchangeRecord> records);

 private:
  void write(const ExchangeRecord& record);

  base::Log& log_;
};

}  // namespace headworks::telemetry
