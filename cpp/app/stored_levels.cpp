#include "app/stored_levels.hpp"

#include <algorithm>
#include <span>
#include <utility>

#include "base/thread.hpp"

namespace headworks::app {
namespace {

using Numbers = std::vector<std::int64_t>;

// Moments are stored as wall times in ms, so that they mean the same after a restart.
std::int64_t wall_ms(base::TimePoint at, const base::Clock& clock) {
  const base::WallTime wall = clock.wall() + (at - clock.now());
  return std::chrono::round<std::chrono::milliseconds>(wall.time_since_epoch()).count();
}
base::TimePoint point_of(std::int64_t ms, const base::Clock& clock) {
  return clock.now() + (base::WallTime{std::chrono::milliseconds{ms}} - clock.wall());
}

constexpr std::int64_t kExactPairs = 512;

// Pairs of a moment and how many started then. Of more than kExactPairs a grain of the window becomes one pair, at its
// latest start: after a restart they count a little longer, never shorter.
Numbers starts_of(const gauges::TokenBucket& bucket, const base::Clock& clock) {
  Numbers numbers;
  if (bucket.limit() == 0) return numbers;
  const auto recent = bucket.recent(clock.now());
  const base::Duration grain = std::ssize(recent) > kExactPairs ? bucket.window() / kExactPairs : base::Duration{};
  base::TimePoint grain_began{};
  for (const gauges::TokenBucket::Starts& some : recent) {
    if (numbers.empty() || some.at - grain_began >= grain) {
      grain_began = some.at;
      numbers.insert(numbers.end(), 2, 0);
    }
    numbers[numbers.size() - 2] = wall_ms(some.at, clock);
    numbers.back() += some.count;
  }
  return numbers;
}

Numbers tokens_of(const gauges::TokenMeter& meter, const base::Clock& clock) {
  Numbers numbers;
  if (meter.limit() == 0) return numbers;
  for (const gauges::TokenMeter::Second& second : meter.recent(clock.now())) {
    numbers.push_back(wall_ms(second.at, clock));
    numbers.push_back(static_cast<std::int64_t>(second.tokens));
  }
  return numbers;
}

template <class Gauge>
void restore_into(Gauge& gauge, const store::LevelRow& row, const base::Clock& clock) {
  const base::TimePoint now = clock.now();
  if (row.kind == "started") {
    std::vector<gauges::TokenBucket::Starts> starts;
    for (std::size_t at = 0; at + 1 < row.numbers.size(); at += 2)
      starts.push_back({std::min(point_of(row.numbers[at], clock), now), static_cast<std::uint32_t>(row.numbers[at + 1])});
    gauge.bucket().restore(starts);
  } else if (row.kind == "tokens") {
    std::vector<gauges::TokenMeter::Second> seconds;
    for (std::size_t at = 0; at + 1 < row.numbers.size(); at += 2)
      seconds.push_back({std::min(point_of(row.numbers[at], clock), now), static_cast<std::uint64_t>(row.numbers[at + 1])});
    std::erase_if(seconds, [&](const auto& second) { return second.at + std::chrono::minutes{2} < now; });
    gauge.tokens().restore(seconds);
  }
}

// Three numbers per budget: of what and which window, its number, and what was spent.
std::int64_t code_of(const gauges::SpendLimit& limit) {
  return static_cast<std::int64_t>(limit.of) * static_cast<std::int64_t>(gauges::ClientGauge::kSpendWindows) +
         static_cast<std::int64_t>(limit.window);
}

Numbers spend_of(const catalog::ClientKeyEntry& key, base::WallTime wall) {
  Numbers spend;
  for (const gauges::SpendLimit& limit : key.budgets) {
    spend.push_back(code_of(limit));
    spend.push_back(gauges::window_number(limit.window, wall));
    spend.push_back(key.gauge->spend(limit.window, limit.of).spent(wall));
  }
  return spend;
}

// A late row has three numbers for each thing that was settled: of which budget or kTokens, the number of its window,
// and how much more was used than was held, or less.
constexpr std::int64_t kTokens = -1;
constexpr const char* kLate = "late";

// What is in `now` more, or less, than in `before`, of the budgets of windows that still run.
Numbers difference(const Numbers& before, const Numbers& now) {
  Numbers late;
  for (std::size_t at = 0; at + 2 < std::min(before.size(), now.size()); at += 3)
    if (before[at] == now[at] && before[at + 1] == now[at + 1] && before[at + 2] != now[at + 2])
      late.insert(late.end(), {now[at], now[at + 1], now[at + 2] - before[at + 2]});
  return late;
}

// Pairs of a second of the steady clock and the tokens in it.
Numbers seconds_of(const gauges::TokenMeter& meter, base::TimePoint now) {
  Numbers numbers;
  for (const gauges::TokenMeter::Second& second : meter.recent(now))
    numbers.insert(numbers.end(), {std::chrono::floor<std::chrono::seconds>(second.at.time_since_epoch()).count(),
                                   static_cast<std::int64_t>(second.tokens)});
  return numbers;
}

// What was used more than held; what was used less is not worth telling, it is forgotten within a minute.
std::int64_t growth(const Numbers& before, const Numbers& now) {
  std::int64_t more = 0;
  std::size_t known = 0;
  for (std::size_t at = 0; at + 1 < now.size(); at += 2) {
    while (known + 1 < before.size() && before[known] < now[at]) known += 2;
    const bool same = known + 1 < before.size() && before[known] == now[at];
    more += std::max<std::int64_t>(now[at + 1] - (same ? before[known + 1] : 0), 0);
  }
  return more;
}

template <class Gauge>
void take_late_tokens(Gauge& gauge, const Numbers& numbers, base::TimePoint now) {
  for (std::size_t at = 0; at + 2 < numbers.size(); at += 3) {
    if (numbers[at] != kTokens || numbers[at + 2] <= 0) continue;
    const gauges::TokenMeter::Second used{.at = now, .tokens = static_cast<std::uint64_t>(numbers[at + 2])};
    gauge.tokens().restore(std::span(&used, 1));
  }
}

void take_late_spend(gauges::ClientGauge& gauge, const Numbers& numbers) {
  constexpr auto kWindows = static_cast<std::int64_t>(gauges::ClientGauge::kSpendWindows);
  for (std::size_t at = 0; at + 2 < numbers.size(); at += 3) {
    if (numbers[at] < 0 || numbers[at] >= kWindows * static_cast<std::int64_t>(gauges::kSpendOfs)) continue;
    const std::int64_t more = numbers[at + 2];
    gauge.spend(static_cast<gauges::SpendWindow>(numbers[at] % kWindows), static_cast<gauges::SpendOf>(numbers[at] / kWindows))
        .settle({.number = static_cast<std::uint32_t>(numbers[at + 1]), .amount = std::max<std::int64_t>(-more, 0)},
                std::max<std::int64_t>(more, 0));
  }
}

template <class Each>
void for_each_owner(const catalog::Snapshot& snapshot, std::span<const store::LevelRow> rows, Each each) {
  std::unordered_map<std::string_view, const catalog::ClientKeyEntry*> keys;
  for (const catalog::ClientKeyEntry& key : snapshot.client_keys()) keys[key.row.id] = &key;
  for (const store::LevelRow& row : rows) {
    const auto key = keys.find(row.owner);
    each(row, snapshot.find_backend(row.owner), key == keys.end() ? nullptr : key->second);
  }
}

void take_late(const catalog::Snapshot& snapshot, std::span<const store::LevelRow> rows, base::TimePoint now) {
  for_each_owner(snapshot, rows, [now](const auto& row, const auto* backend, const auto* key) {
    if (backend != nullptr) take_late_tokens(*backend->gauge, row.numbers, now);
    if (key == nullptr) return;
    take_late_tokens(*key->gauge, row.numbers, now);
    take_late_spend(*key->gauge, row.numbers);
  });
}

void restore_spend(gauges::ClientGauge& gauge, const Numbers& numbers, base::WallTime wall) {
  for (std::size_t at = 0; at + 2 < numbers.size(); at += 3) {
    constexpr auto kWindows = static_cast<std::int64_t>(gauges::ClientGauge::kSpendWindows);
    if (numbers[at] < 0 || numbers[at] >= kWindows * static_cast<std::int64_t>(gauges::kSpendOfs)) continue;
    const auto of = static_cast<gauges::SpendOf>(numbers[at] / kWindows);
    const auto window = static_cast<gauges::SpendWindow>(numbers[at] % kWindows);
    if (numbers[at + 1] == gauges::window_number(window, wall)) gauge.spend(window, of).restore(numbers[at + 2], wall);
  }
}

}  // namespace

StoredLevels::StoredLevels(store::UsageWriter& ledger, const catalog::Catalog& catalog, const base::Clock& clock,
                           Duty duty)
    : ledger_(ledger), catalog_(catalog), clock_(clock), duty_(duty) {
  if (duty_ == Duty::leave) {  // what was used until now is known where it was handed to
    std::vector<store::LevelRow> known;
    collect_late(known);
  }
  thread_ = std::thread([this] {
    base::begin_thread("hw-levels", base::Urgency::background);
    run();
  });
}

StoredLevels::~StoredLevels() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  thread_.join();
  save();
}

void StoredLevels::run() {
  std::unique_lock lock(mutex_);
  while (!changed_.wait_for(lock, kPeriod, [this] { return stopping_; })) {
    lock.unlock();
    save();
    lock.lock();
  }
}

void StoredLevels::add(std::vector<store::LevelRow>& changed, const std::string& owner, std::string_view kind,
                       Numbers numbers) {
  Numbers& before = saved_[owner + '/' + std::string(kind)];
  if (before == numbers) return;
  before = numbers;
  changed.push_back({.owner = owner, .kind = std::string(kind), .numbers = std::move(numbers)});
}

void StoredLevels::collect(std::vector<store::LevelRow>& changed) {
  const auto snapshot = catalog_.current();
  for (const catalog::BackendEntry& backend : snapshot->backends()) {
    add(changed, backend.row.id, "started", starts_of(backend.gauge->bucket(), clock_));
    add(changed, backend.row.id, "tokens", tokens_of(backend.gauge->tokens(), clock_));
  }
  for (const catalog::ClientKeyEntry& key : snapshot->client_keys()) {
    add(changed, key.row.id, "started", starts_of(key.gauge->bucket(), clock_));
    add(changed, key.row.id, "tokens", tokens_of(key.gauge->tokens(), clock_));
    add(changed, key.row.id, "spend", spend_of(key, clock_.wall()));
  }
}

// What cannot be written now (a full disk, a lock) is tried again with the next change of the same level.
void StoredLevels::save() {
  if (duty_ == Duty::leave) return save_late();
  std::vector<store::LevelRow> changed;
  collect(changed);
  if (changed.empty() && duty_ != Duty::follow) return;
  const auto late = ledger_.writer().run([&changed, this](store::Connection& db) {
    store::Transaction transaction(db);
    store::LevelsTable table(db);
    for (const store::LevelRow& row : changed) table.put(row);
    auto rows = duty_ == Duty::follow ? table.take(kLate) : std::vector<store::LevelRow>();
    transaction.commit();
    return rows;
  });
  if (late) return take_late(*catalog_.current(), *late, clock_.now());
  for (const store::LevelRow& row : changed) saved_.erase(row.owner + '/' + row.kind);
}

void StoredLevels::collect_late(std::vector<store::LevelRow>& changed) {
  const auto snapshot = catalog_.current();
  const auto note_tokens = [this, &changed](const std::string& owner, const gauges::TokenMeter& meter) {
    const Numbers now = seconds_of(meter, clock_.now());
    const std::int64_t more = growth(std::exchange(saved_[owner + "/tokens"], now), now);
    if (more > 0) changed.push_back({.owner = owner, .kind = kLate, .numbers = {kTokens, 0, more}});
  };
  for (const catalog::BackendEntry& backend : snapshot->backends()) note_tokens(backend.row.id, backend.gauge->tokens());
  for (const catalog::ClientKeyEntry& key : snapshot->client_keys()) {
    note_tokens(key.row.id, key.gauge->tokens());
    const Numbers now = spend_of(key, clock_.wall());
    Numbers late = difference(std::exchange(saved_[key.row.id + "/spend"], now), now);
    if (!late.empty()) changed.push_back({.owner = key.row.id, .kind = kLate, .numbers = std::move(late)});
  }
}

void StoredLevels::save_late() {
  collect_late(untold_);
  if (untold_.empty()) return;
  const auto written = ledger_.writer().run([this](store::Connection& db) {
    store::Transaction transaction(db);
    store::LevelsTable table(db);
    for (store::LevelRow row : untold_) {
      const Numbers waiting = table.numbers_of(row.owner, row.kind);  // not taken by the other process yet
      row.numbers.insert(row.numbers.begin(), waiting.begin(), waiting.end());
      table.put(row);
    }
    transaction.commit();
  });
  if (written) untold_.clear();
}

base::Result<void> StoredLevels::restore(store::UsageWriter& ledger, const catalog::Snapshot& snapshot,
                                         const base::Clock& clock) {
  std::vector<store::LevelRow> late;
  const auto rows = ledger.writer().run([&late](store::Connection& db) {
    store::Transaction transaction(db);
    store::LevelsTable table(db);
    late = table.take(kLate);
    auto kept = table.list();
    transaction.commit();
    return kept;
  });
  if (!rows) return rows.error();
  for_each_owner(snapshot, *rows, [&clock](const auto& row, const auto* backend, const auto* key) {
    if (backend != nullptr) {
      restore_into(*backend->gauge, row, clock);
    } else if (key != nullptr) {
      restore_into(*key->gauge, row, clock);
      if (row.kind == "spend") restore_spend(*key->gauge, row.numbers, clock.wall());
    }
  });
  take_late(snapshot, late, clock.now());
  return {};
}

}  // namespace headworks::app
