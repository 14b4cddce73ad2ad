// An exchange as the admin API shows it: what was asked, the plan step by step, attempts with their clocks, cost.
#pragma once

#include "json/json_writer.hpp"
#include "telemetry/exchange_record.hpp"

namespace headworks::admin {

enum class Detail : std::uint8_t { line, whole };  // line: without plan and attempts

enum class ExchangeState : std::uint8_t { running, finished };

void write_exchange(json::JsonWriter& json, const telemetry::ExchangeRecord& record, ExchangeState state,
                    Detail detail);

}  // namespace headworks::admin
