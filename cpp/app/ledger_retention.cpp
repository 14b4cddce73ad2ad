#include "app/ledger_retention.hpp"

#include "base/thread.hpp"
#include "store/retention.hpp"

namespace headworks::app {
namespace {

constexpr base::Duration kPeriod = std::chrono::minutes{1};
constexpr base::Duration kBetweenSteps = std::chrono::milliseconds{20};
constexpr std::uint32_t kStep = 1000;  // rows; some milliseconds

}  // namespace

LedgerRetention::LedgerRetention(store::UsageWriter& ledger, const catalog::Catalog& catalog, const base::Clock& clock,
                                 base::Log& log)
    : ledger_(ledger), catalog_(catalog), clock_(clock), log_(log), thread_([this] {
        base::begin_thread("hw-retention", base::Urgency::background);
        run();
      }) {}

LedgerRetention::~LedgerRetention() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

bool LedgerRetention::pause(base::Duration lasting) {
  std::unique_lock lock(mutex_);
  return !changed_.wait_for(lock, lasting, [this] { return stopping_; });
}

void LedgerRetention::run() {
  do {
    std::int64_t gone = 0;
    for (bool more = true; more;) {
      const auto step = ledger_.writer().run([this](store::Connection& db) {
        return store::forget_oldest(db, catalog_.current()->settings().retention, clock_.wall(), kStep);
      });
      more = step && *step > 0;  // a failure is the ledger's to tell; the next minute tries again
      if (more) gone += *step;
      if (more && !pause(kBetweenSteps)) return;
    }
    if (gone > 0) log_.log(base::LogLevel::info, "forgot what the ledger need not keep any more", {{"rows", gone}});
  } while (pause(kPeriod));
}

}  // namespace headworks::app
