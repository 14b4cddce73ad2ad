#include "telemetry/probation.hpp"

#include <algorithm>

namespace headworks::telemetry {
namespace {

bool is_failure(const std::optional<base::ErrorKind>& error) { return error && base::row_of(*error).status >= 500; }

}  // namespace

void Probation::count(std::string_view pool, bool failed, bool after, base::TimePoint now) {
  auto* tallies = &after_;
  if (!after) {
    if (slots_.empty() || now - slots_.back().began >= kSlot) slots_.push_back({.began = now, .pools = {}});
    if (slots_.size() > kSlots) slots_.pop_front();
    tallies = &slots_.back().pools;
  }
  auto found = tallies->find(pool);
  if (found == tallies->end()) found = tallies->emplace(std::string(pool), Tally{}).first;
  found->second.failed += failed ? 1 : 0;
  ++found->second.of;
}

void Probation::note(const ExchangeRecord& exchange, base::TimePoint now) {
  const bool after = running(now) && exchange.revision >= revision_;
  // What found no backend failed for a reason that a change may have made.
  const bool lost = exchange.error == base::ErrorKind::model_not_found || is_failure(exchange.error);
  count("", lost, after, now);
  for (const AttemptRecord& attempt : exchange.attempts) count(attempt.pool, is_failure(attempt.error), after, now);
}

void Probation::begin(std::uint64_t revision, std::vector<std::string> pools, const Bound& bound, base::TimePoint now) {
  // What was counted as "after" the change before is "before" for this one.
  if (!after_.empty()) slots_.push_back({.began = now, .pools = std::move(after_)});
  after_.clear();
  before_.clear();
  for (const Slot& slot : slots_) {
    if (slot.began + kSlot + bound.lasts < now) continue;
    for (const auto& [pool, tally] : slot.pools) {
      before_[pool].failed += tally.failed;
      before_[pool].of += tally.of;
    }
  }
  revision_ = revision;
  ends_ = now + bound.lasts;
  bound_ = bound;
  pools_ = std::move(pools);
  if (std::find(pools_.begin(), pools_.end(), "") == pools_.end()) pools_.emplace_back();
}

std::optional<Probation::Worse> Probation::find_worse(base::TimePoint now) {
  if (!running(now)) return std::nullopt;
  for (const std::string& pool : pools_) {
    const auto after = after_.find(pool);
    if (after == after_.end() || after->second.of < bound_.least) continue;
    const auto before = before_.find(pool);
    const double share = before == before_.end() ? 0 : before->second.share();
    if (after->second.share() < share + bound_.worse_by) continue;
    Worse worse{.revision = revision_, .pool = pool, .before = share, .after = after->second.share(),
                .failed = after->second.failed, .of = after->second.of};
    revision_ = 0;
    return worse;
  }
  return std::nullopt;
}

}  // namespace headworks::telemetry
