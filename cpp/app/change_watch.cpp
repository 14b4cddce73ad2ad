#include "app/change_watch.hpp"

#include <boost/json.hpp>
#include <cmath>
#include <set>

#include "base/thread.hpp"
#include "store/catalog_edits.hpp"

namespace headworks::app {
namespace {

constexpr base::Duration kPeriod = std::chrono::milliseconds{250};
constexpr std::string_view kActor = "probation";

// The pools whose traffic a change may have made worse. Of a setting: all of them.
std::set<std::string> pools_of(const std::vector<store::AuditRow>& edits, const catalog::Snapshot& snapshot) {
  std::set<std::string> pools;
  for (const store::AuditRow& edit : edits) {
    if (edit.action.starts_with("pool.")) pools.insert(edit.target);
    if (edit.action.starts_with("setting."))
      for (const catalog::Pool& pool : snapshot.pools()) pools.insert(pool.name);
    if (!edit.action.starts_with("backend.")) continue;
    for (const auto& json : {edit.before_json, edit.after_json}) {
      boost::system::error_code failed;
      const boost::json::value row = json ? boost::json::parse(*json, failed) : boost::json::value();
      const boost::json::object* object = failed ? nullptr : row.if_object();
      const boost::json::value* pool = object == nullptr ? nullptr : object->if_contains("pool");
      if (pool != nullptr && pool->is_string()) pools.insert(std::string(pool->as_string()));
    }
  }
  return pools;
}

std::string percent(double share) { return std::to_string(std::lround(share * 100)) + " %"; }

}  // namespace

ChangeWatch::ChangeWatch(store::Store& store, const catalog::Catalog& catalog, const base::Clock& clock, base::Log& log)
    : store_(store), catalog_(catalog), clock_(clock), log_(log), seen_(catalog.current()->revision()), thread_([this] {
        base::begin_thread("hw-probation", base::Urgency::background);
        run();
      }) {}

ChangeWatch::~ChangeWatch() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void ChangeWatch::on_exchanges(std::span<const telemetry::ExchangeRecord> records) {
  if (catalog_.current()->settings().probation.minutes <= 0) return;
  const base::TimePoint now = clock_.now();
  const std::lock_guard lock(mutex_);
  for (const telemetry::ExchangeRecord& record : records) probation_.note(record, now);
}

void ChangeWatch::run() {
  std::unique_lock lock(mutex_);
  while (!changed_.wait_for(lock, kPeriod, [this] { return stopping_; })) {
    lock.unlock();
    look();
    lock.lock();
  }
}

void ChangeWatch::look() {
  const auto snapshot = catalog_.current();
  if (snapshot->revision() != seen_) begin(*snapshot);
  std::optional<telemetry::Probation::Worse> worse;
  {
    const std::lock_guard lock(mutex_);
    worse = probation_.find_worse(clock_.now());
  }
  if (worse) restore(*worse);
}

void ChangeWatch::begin(const catalog::Snapshot& snapshot) {
  seen_ = snapshot.revision();
  const catalog::Settings::Probation& settings = snapshot.settings().probation;
  if (settings.minutes <= 0) return;
  const auto edits = store_.ask([&](store::CatalogTables& tables) { return tables.audit.edits_of(seen_); });
  if (!edits || edits->empty() || edits->front().actor == kActor) return;
  const std::set<std::string> pools = pools_of(*edits, snapshot);
  if (pools.empty()) return;
  const telemetry::Probation::Bound bound{
      .lasts = std::chrono::duration_cast<base::Duration>(std::chrono::duration<double, std::ratio<60>>(settings.minutes)),
      .worse_by = settings.worse_percent / 100.0,
      .least = settings.least_requests};
  const std::lock_guard lock(mutex_);
  probation_.begin(seen_, {pools.begin(), pools.end()}, bound, clock_.now());
}

// Only while nobody has changed anything since.
void ChangeWatch::restore(const telemetry::Probation::Worse& worse) {
  const std::string where = worse.pool.empty() ? "requests" : "calls in pool " + worse.pool;
  const std::string why = "failed " + where + " rose from " + percent(worse.before) + " to " + percent(worse.after) + " (" +
                          std::to_string(worse.failed) + " of " + std::to_string(worse.of) + ")";
  const auto restored = store_.change(
      {.actor = std::string(kActor), .if_revision = worse.revision}, [&](store::CatalogTables& tables) {
        tables.edits.push_back({"probation.restore", "revision " + std::to_string(worse.revision) + ": " + why, std::nullopt,
                                std::nullopt});
        return store::restore_revision(tables, worse.revision - 1);
      });
  if (!restored) {
    log_.log(base::LogLevel::error, "a change made things worse, and what was before could not be restored",
             {{"revision", worse.revision}, {"why", why}, {"detail", restored.error().message}});
    return;
  }
  log_.log(base::LogLevel::warn, "a change made things worse: what was before it is restored",
           {{"revision", worse.revision}, {"why", why}, {"restored_as", restored->revision}});
}

}  // namespace headworks::app
