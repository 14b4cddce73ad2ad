// What was used, by whom, of what, when: read from the tables of sums, whole days where a question spans them, hours and
// minutes at its ends, so that a question reads some thousand rows and no more. One that takes model, key and backend
// apart at the same time, or pairs of them by minute, reads the rows themselves, as far back as they are kept: it may
// take seconds. Reads only: a job of the ledger's reader.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "store/sqlite.hpp"
#include "store/usage_sums.hpp"

namespace headworks::store {

// What sums are taken apart and chosen by.
enum class UsageKey : std::uint8_t { model, backend, key, pool };
inline constexpr std::array kUsageKeys = {UsageKey::model, UsageKey::backend, UsageKey::key, UsageKey::pool};
std::string_view name_of(UsageKey key);
std::optional<UsageKey> find_usage_key(std::string_view name);

enum class UsageStep : std::uint8_t { none, minute, hour, day };  // of UTC
std::optional<UsageStep> find_usage_step(std::string_view name);

struct UsageQuestion {
  base::WallTime since{};
  base::WallTime until{};  // not included
  std::vector<UsageKey> by = {};
  std::array<std::optional<std::string>, kUsageKeys.size()> only = {};  // by UsageKey
  UsageStep step = UsageStep::none;
  std::uint32_t limit = 1000;  // rows, the dearest first (with a step: the latest first)
};

struct UsageRow {
  std::optional<base::WallTime> at;  // with a step: its beginning
  std::vector<std::string> by;       // values, in the question's order
  Sums sums;
};

struct UsageAnswer {
  // What the rows cover: the question's span, widened to whole minutes (to hours for pairs, which are kept by hour); to
  // whole hours and days where that is all that is kept; with step minute, not before the first minute that is kept.
  base::WallTime since{}, until{};
  std::vector<UsageRow> rows;
  bool more = false;  // than the limit
};

UsageAnswer sum_usage(Connection& db, const UsageQuestion& question);

}  // namespace headworks::store
