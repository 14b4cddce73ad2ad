#include "app/stored_levels.hpp"

#include <span>

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

StoredLevels::StoredLevels(store::UsageWriter& ledger, const catalog::Catalog& catalog, const base::Clock& clock)
    : ledger_(ledger), catalog_(catalog), clock_(clock), thread_([this] {
        base::begin_thread("hw-levels", base::Urgency::background);
        run();
      }) {}

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
    Numbers spend;
    const base::WallTime wall = clock_.wall();
    for (const gauges::SpendLimit& limit : key.budgets) {
      spend.push_back(code_of(limit));
      spend.push_back(gauges::window_number(limit.window, wall));
      spend.push_back(key.gauge->spend(limit.window, limit.of).spent(wall));
    }
    add(changed, key.row.id, "spend", std::move(spend));
  }
}

// What cannot be written now (a full disk, a lock) is tried again with the next change of the same level.
void StoredLevels::save() {
  std::vector<store::LevelRow> changed;
  collect(changed);
  if (changed.empty()) return;
  const auto written = ledger_.writer().run([&changed](store::Connection& db) {
    store::Transaction transaction(db);
    store::LevelsTable table(db);
    for (const store::LevelRow& row : changed) table.put(row);
    transaction.commit();
  });
  if (!written)
    for (const store::LevelRow& row : changed) saved_.erase(row.owner + '/' + row.kind);
}

base::Result<void> StoredLevels::restore(store::UsageWriter& ledger, const catalog::Snapshot& snapshot,
                                         const base::Clock& clock) {
  const auto rows = ledger.writer().run([](store::Connection& db) { return store::LevelsTable(db).list(); });
  if (!rows) return rows.error();
  std::unordered_map<std::string_view, const catalog::ClientKeyEntry*> keys;
  for (const catalog::ClientKeyEntry& key : snapshot.client_keys()) keys[key.row.id] = &key;
  for (const store::LevelRow& row : *rows) {
    if (const catalog::BackendEntry* backend = snapshot.find_backend(row.owner)) {
      restore_into(*backend->gauge, row, clock);
    } else if (const auto key = keys.find(row.owner); key != keys.end()) {
      restore_into(*key->second->gauge, row, clock);
      if (row.kind == "spend") restore_spend(*key->second->gauge, row.numbers, clock.wall());
    }
  }
  return {};
}

}  // namespace headworks::app
