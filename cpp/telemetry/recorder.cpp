#include "telemetry/recorder.hpp"

#include <semaphore.h>
#include <time.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cerrno>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "base/thread.hpp"

namespace headworks::telemetry {

// Single producer, single consumer. Both counters only grow; a record lives from its construction in push()
// to its destruction in consume(), so an idle ring costs no memory but addresses.
class Recorder::Ring {
 public:
  explicit Ring(std::uint32_t capacity)
      : capacity_(std::bit_ceil(std::max(capacity, 2U))),
        slots_(std::allocator<ExchangeRecord>().allocate(capacity_)) {}
  ~Ring() {
    consume([](std::span<const ExchangeRecord>) {});
    std::allocator<ExchangeRecord>().deallocate(slots_, capacity_);
  }
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  enum class Pushed { fine, half_full, dropped };
  Pushed push(ExchangeRecord&& record) noexcept {
    const std::uint64_t at = pushed_.load(std::memory_order_relaxed);
    if (at - consumed_seen_ >= capacity_ / 2) consumed_seen_ = consumed_.load(std::memory_order_acquire);
    const std::uint64_t filled = at - consumed_seen_;
    if (filled == capacity_) {
      dropped_.fetch_add(1, std::memory_order_relaxed);
      return Pushed::dropped;
    }
    std::construct_at(slots_ + (at & (capacity_ - 1)), std::move(record));
    pushed_.store(at + 1, std::memory_order_release);
    return filled == capacity_ / 2 ? Pushed::half_full : Pushed::fine;
  }

  // Hands over everything that is there in at most two runs, in place, then frees the slots.
  template <class Function>
  void consume(const Function& function) {
    const std::uint64_t end = pushed_.load(std::memory_order_acquire);
    std::uint64_t at = consumed_.load(std::memory_order_relaxed);
    while (at != end) {
      ExchangeRecord* const first = slots_ + (at & (capacity_ - 1));
      const std::uint64_t count = std::min(end - at, capacity_ - (at & (capacity_ - 1)));
      function(std::span<const ExchangeRecord>(first, count));
      std::destroy_n(first, count);
      at += count;
      consumed_.store(at, std::memory_order_release);
    }
  }

  std::uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

 private:
  const std::uint64_t capacity_;
  ExchangeRecord* const slots_;
  alignas(64) std::atomic<std::uint64_t> pushed_{0};
  std::uint64_t consumed_seen_ = 0;  // the producer's copy: saves it a cache miss per record
  std::atomic<std::uint64_t> dropped_{0};
  alignas(64) std::atomic<std::uint64_t> consumed_{0};
};

namespace {

// POSIX, because std::counting_semaphore spins before it sleeps.
class Bell {
 public:
  Bell() { ::sem_init(&semaphore_, 0, 0); }
  ~Bell() { ::sem_destroy(&semaphore_); }
  Bell(const Bell&) = delete;
  Bell& operator=(const Bell&) = delete;

  void ring() noexcept { ::sem_post(&semaphore_); }
  void wait(base::Duration limit) {
    timespec until{};
    ::clock_gettime(CLOCK_MONOTONIC, &until);
    const auto end = std::chrono::seconds{until.tv_sec} + std::chrono::nanoseconds{until.tv_nsec} + limit;
    until.tv_sec = std::chrono::floor<std::chrono::seconds>(end).count();
    until.tv_nsec = (end - std::chrono::seconds{until.tv_sec}).count();
    while (::sem_clockwait(&semaphore_, CLOCK_MONOTONIC, &until) != 0 && errno == EINTR) {
    }
  }

 private:
  sem_t semaphore_;
};

}  // namespace

struct Recorder::Worker {
  Bell bell;  // work that should not wait for the period
  std::atomic<bool> stopping{false};
  std::mutex mutex;
  std::condition_variable drained;
  std::uint64_t asked = 0;     // flushes asked for; protected by mutex
  std::uint64_t answered = 0;  // of those, done; protected by mutex
  std::thread thread;
};

Recorder::Recorder(Options options) : period_(options.period) {
  for (std::uint32_t loop = 0; loop < options.loops; ++loop)
    rings_.push_back(std::make_unique<Ring>(options.capacity));
}

Recorder::~Recorder() { stop(); }

void Recorder::add_sink(Sink sink) { sinks_.push_back(std::move(sink)); }

void Recorder::start() {
  worker_ = std::make_unique<Worker>();
  worker_->thread = std::thread([this, &worker = *worker_] {
    base::begin_thread("hw-recorder", base::Urgency::background);
    for (bool last = false; !last;) {
      worker.bell.wait(period_);
      last = worker.stopping;
      std::uint64_t asked = 0;
      {
        const std::lock_guard lock(worker.mutex);
        asked = worker.asked;
      }
      drain();
      {
        const std::lock_guard lock(worker.mutex);
        worker.answered = asked;
      }
      worker.drained.notify_all();
    }
  });
}

void Recorder::stop() {
  if (!worker_) return;
  worker_->stopping = true;
  worker_->bell.ring();
  worker_->thread.join();
  worker_.reset();
}

bool Recorder::record(std::uint32_t loop, ExchangeRecord&& record) noexcept {
  const Ring::Pushed pushed = rings_[loop]->push(std::move(record));
  if (pushed == Ring::Pushed::half_full && worker_) worker_->bell.ring();
  return pushed != Ring::Pushed::dropped;
}

void Recorder::flush() {
  if (!worker_) return drain();
  std::unique_lock lock(worker_->mutex);
  const std::uint64_t mine = ++worker_->asked;
  worker_->bell.ring();
  worker_->drained.wait(lock, [&] { return worker_->answered >= mine; });
}

void Recorder::drain() {
  for (const auto& ring : rings_) {
    ring->consume([this](std::span<const ExchangeRecord> records) {
      for (const Sink& sink : sinks_) sink(records);
    });
  }
}

std::uint64_t Recorder::dropped() const {
  std::uint64_t sum = 0;
  for (const auto& ring : rings_) sum += ring->dropped();
  return sum;
}

}  // namespace headworks::telemetry
