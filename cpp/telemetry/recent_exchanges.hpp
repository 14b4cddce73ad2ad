// The last finished exchanges, for the admin API and the dashboard; those that went wrong are found for longer,
// because they are asked for, and those without an attempt are in no ledger. Each is an owned copy whose names point
// into a text of its own, so that no old snapshot is kept alive by history. Thread-safe.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <span>
#include <string_view>
#include <vector>

#include "telemetry/exchange_record.hpp"

namespace headworks::telemetry {

// A copy that depends on nothing but itself: its keep_alive is the text that its views point into.
ExchangeRecord make_owned(const ExchangeRecord& record);

class RecentExchanges {
 public:
  struct Entry {
    std::uint64_t number = 0;  // 1 is the first since the start; never reused
    std::shared_ptr<const ExchangeRecord> record;
  };

  explicit RecentExchanges(std::size_t capacity = 1000) : capacity_(capacity) {}

  // Sink of the recorder.
  void on_exchanges(std::span<const ExchangeRecord> records);

  // At most `limit` entries with a number above `after`, newest first.
  std::vector<Entry> latest(std::size_t limit, std::uint64_t after = 0) const;

  // Null when it is unknown or too long ago: out of the last `capacity`, and of as many that ended in an error.
  std::shared_ptr<const ExchangeRecord> find(std::string_view request_id) const;

  // The number of the newest entry; 0 when there is none.
  std::uint64_t last_number() const;

 private:
  const std::size_t capacity_;
  mutable std::mutex mutex_;
  std::deque<Entry> entries_;      // oldest first; protected by mutex_
  std::deque<Entry> troubled_;     // of those that left entries_, with an error; protected by mutex_
  std::uint64_t last_number_ = 0;  // protected by mutex_
};

}  // namespace headworks::telemetry
