// What was used, summed over the ledger: by whom, of what, when. Reads only: a job of the ledger's reader.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "store/sqlite.hpp"

namespace headworks::store {

// What sums are taken apart by.
enum class UsageKey : std::uint8_t { model, backend, key, pool };
std::string_view name_of(UsageKey key);
std::optional<UsageKey> find_usage_key(std::string_view name);

enum class UsageStep : std::uint8_t { none, minute, hour, day };  // of UTC
std::optional<UsageStep> find_usage_step(std::string_view name);

struct UsageQuestion {
  base::WallTime since{};
  base::WallTime until = base::WallTime::max();  // not included
  std::vector<UsageKey> by = {};
  UsageStep step = UsageStep::none;
  std::uint32_t limit = 1000;  // rows, the dearest first (with a step: the latest first)
};

struct UsageSum {
  std::optional<base::WallTime> at;  // with a step: its beginning
  std::vector<std::string> by;       // values, in the question's order
  std::int64_t exchanges = 0, errors = 0, attempts = 0;
  std::int64_t input_tokens = 0, output_tokens = 0, cached_input_tokens = 0, cache_write_tokens = 0, reasoning_tokens = 0;
  std::int64_t estimated = 0;  // attempts whose tokens the upstream did not report
  std::int64_t cost_micro_usd = 0;
  double mean_ms = 0, most_ms = 0, first_byte_ms = 0, overhead_ms = 0;  // of exchanges; first byte: of their answers
};

std::vector<UsageSum> sum_usage(Connection& db, const UsageQuestion& question);

}  // namespace headworks::store
