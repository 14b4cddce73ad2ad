// fill_ledger FILE ROWS [DAYS]: a ledger of so many attempts spread over the last DAYS days (30), by the code that the
// server writes with. 40 client keys, 12 models, 25 backends in two pools; 3 % of the exchanges fail, 5 % need a second
// attempt. Prints what one row costs the writing thread.
#include <time.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "store/attempts_table.hpp"
#include "store/schema.hpp"

namespace {

using namespace headworks;
using std::chrono::microseconds;

constexpr std::size_t kBatch = 300;             // rows, of 150 ms at 2,000 requests per second
constexpr std::uint64_t kBatchesPerSum = 33;  // of 5 s

class Traffic {
 public:
  Traffic() {
    for (int n = 0; n < 40; ++n) keys_.push_back("team-" + std::to_string(n));
    for (int n = 0; n < 12; ++n) models_.push_back("model-" + std::to_string(n));
    for (int n = 0; n < 25; ++n) backends_.push_back("account-" + std::to_string(n));
  }

  telemetry::ExchangeRecord exchange(base::WallTime started) {
    telemetry::ExchangeRecord made;
    made.started = started;
    made.id = base::RequestId(random_, started);
    made.route = "/v1/chat/completions";
    const std::size_t key = skewed(keys_.size());
    made.client_key_id = made.client_key = keys_[key];
    made.model = models_[skewed(models_.size())];
    made.stream = random_.below(2) == 0;
    made.status = 200;
    made.bytes_in = 2000, made.bytes_out = 1000;
    made.revision = 17;
    const bool failed = random_.below(100) < 3;
    const int attempts = failed || random_.below(100) < 5 ? 2 : 1;
    for (int number = 1; number <= attempts; ++number) {
      telemetry::AttemptRecord& attempt = made.attempts.emplace_back();
      const std::size_t backend = skewed(backends_.size());
      attempt.backend_id = attempt.backend = backends_[backend];
      attempt.pool = backend < 20 ? "primary" : "fallback";
      attempt.model_sent = made.model;
      attempt.first_byte = microseconds{static_cast<std::int64_t>(std::exp(10 + 2 * uniform()))};
      attempt.total = attempt.first_byte * 4;
      if (number < attempts || failed) {
        attempt.status = 503, attempt.error = base::ErrorKind::upstream_error;
      } else {
        attempt.status = 200;
        attempt.usage = {.input_tokens = 200 + random_.below(3000), .output_tokens = random_.below(800),
                         .source = base::UsageSource::reported};
        attempt.cost.value = static_cast<std::int64_t>(attempt.usage.input_tokens + 4 * attempt.usage.output_tokens);
      }
      made.total += attempt.total;
    }
    if (failed) made.status = 502, made.error = base::ErrorKind::upstream_error;
    made.overhead = microseconds{60};
    return made;
  }

 private:
  double uniform() { return static_cast<double>(random_.below(1 << 20)) / (1 << 20); }
  // Few are asked for often.
  std::size_t skewed(std::size_t count) { return static_cast<std::size_t>(uniform() * uniform() * static_cast<double>(count)); }

  base::Random random_{42};
  std::vector<std::string> keys_, models_, backends_;
};

double cpu_seconds() {
  timespec used{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) / 1e9;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: fill_ledger FILE ROWS [DAYS]\n");
    return 2;
  }
  const std::int64_t rows = std::atoll(argv[2]);
  const double days = argc > 3 ? std::atof(argv[3]) : 30;
  const base::WallTime now = std::chrono::floor<microseconds>(std::chrono::system_clock::now());
  const base::WallTime first = now - microseconds{static_cast<std::int64_t>(days * 86400e6)};
  store::Opened ledger = store::open_writer(argv[1], store::Database::usage, std::chrono::seconds{5}, now);
  store::Names names;
  store::UsageSums sums;
  Traffic traffic;
  std::int64_t written = 0;
  std::uint64_t batches = 0;
  double cpu = 0;
  while (written < rows) {
    std::vector<telemetry::ExchangeRecord> batch;
    for (std::int64_t at = written; batch.size() < kBatch && at < rows; ++at)
      batch.push_back(traffic.exchange(first + microseconds{static_cast<std::int64_t>(
                                                   static_cast<double>(at) / static_cast<double>(rows) *
                                                   days * 86400e6)}));
    const double began = cpu_seconds();
    store::Transaction transaction(ledger.connection);
    written += static_cast<std::int64_t>(store::AttemptsTable(ledger.connection).insert(batch, names, sums));
    sums.end(ledger.connection, written >= rows || ++batches % kBatchesPerSum == 0);
    transaction.commit();
    cpu += cpu_seconds() - began;
  }
  ledger.connection.checkpoint_all();
  std::printf("%lld rows, %.2f us of CPU each\n", static_cast<long long>(written), cpu / static_cast<double>(written) * 1e6);
}
