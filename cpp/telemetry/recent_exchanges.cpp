#include "telemetry/recent_exchanges.hpp"

#include <algorithm>
#include <cstring>

namespace headworks::telemetry {
namespace {

// The one list of all views of a record.
template <class Record, class Function>
void for_each_view(Record& record, const Function& function) {
  function(record.route), function(record.client_key_id), function(record.client_key), function(record.model),
      function(record.model_label);
  for (auto& attempt : record.attempts)
    function(attempt.backend_id), function(attempt.backend), function(attempt.pool),
        function(attempt.model_sent);
  for (auto& step : record.plan)
    function(step.backend), function(step.pool), function(step.why), function(step.cooled_scope),
        function(step.cooled_source);
}

}  // namespace

ExchangeRecord make_owned(const ExchangeRecord& record) {
  ExchangeRecord owned = record;
  std::size_t size = 0;
  for_each_view(record, [&](std::string_view view) { size += view.size(); });
  std::shared_ptr<char[]> text = std::make_shared_for_overwrite<char[]>(size);
  char* at = text.get();
  for_each_view(owned, [&](std::string_view& view) {
    if (!view.empty()) std::memcpy(at, view.data(), view.size());
    view = {at, view.size()};
    at += view.size();
  });
  owned.keep_alive = std::move(text);
  return owned;
}

void RecentExchanges::on_exchanges(std::span<const ExchangeRecord> records) {
  // What the same batch would push out again is not copied: of it only the last of those with an error stay.
  std::vector<std::shared_ptr<const ExchangeRecord>> owned(records.size());
  std::size_t newest = 0, troubled = 0;
  for (std::size_t at = records.size(); at-- > 0;) {
    const bool keep = newest < capacity_ ? ++newest > 0 : records[at].error && troubled++ < capacity_;
    if (keep) owned[at] = std::make_shared<const ExchangeRecord>(make_owned(records[at]));
  }
  const std::lock_guard lock(mutex_);
  for (auto& record : owned) {
    ++last_number_;
    if (record != nullptr) entries_.push_back({.number = last_number_, .record = std::move(record)});
  }
  while (entries_.size() > capacity_) {
    if (entries_.front().record->error) troubled_.push_back(std::move(entries_.front()));
    entries_.pop_front();
  }
  while (troubled_.size() > capacity_) troubled_.pop_front();
}

std::vector<RecentExchanges::Entry> RecentExchanges::latest(std::size_t limit, std::uint64_t after) const {
  const std::lock_guard lock(mutex_);
  std::vector<Entry> found;
  for (auto entry = entries_.rbegin();
       entry != entries_.rend() && found.size() < limit && entry->number > after; ++entry)
    found.push_back(*entry);
  return found;
}

std::shared_ptr<const ExchangeRecord> RecentExchanges::find(std::string_view request_id) const {
  const std::lock_guard lock(mutex_);
  for (const std::deque<Entry>* entries : {&entries_, &troubled_}) {
    const auto found = std::find_if(entries->rbegin(), entries->rend(),
                                    [&](const Entry& entry) { return entry.record->id.view() == request_id; });
    if (found != entries->rend()) return found->record;
  }
  return nullptr;
}

std::uint64_t RecentExchanges::last_number() const {
  const std::lock_guard lock(mutex_);
  return last_number_;
}

}  // namespace headworks::telemetry
