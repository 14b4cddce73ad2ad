// Hook: one function of a plug-in, with the questions that wait for it. Loops ask, workers take and answer: nothing in
// here ever calls a plug-in. A question is answered exactly once, whatever becomes of its worker; who asked has its own
// clock, and an answer that comes later than that is dropped.
//
// Thread-safe.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "hooks/breaker.hpp"
#include "hooks/hook_types.hpp"

namespace headworks::hooks {

class Hook;

// Answers go through it: once it is closed, whoever asked and whoever counts may be gone, and no late worker reaches
// them any more.
class DeliveryGate {
 public:
  template <class Delivery>
  void pass(Delivery&& delivery) {
    const std::lock_guard lock(mutex_);
    if (open_) delivery();
  }
  void close() {
    const std::lock_guard lock(mutex_);
    open_ = false;
  }

 private:
  std::mutex mutex_;
  bool open_ = true;
};

// The candidates of a question, read when a worker wants them, on its thread.
class CandidateSource {
 public:
  virtual ~CandidateSource() = default;
  virtual std::vector<CandidateView> read() const = 0;
};

// What one hook is asked once. Everything but the answer is immutable after ask().
class Question {
 public:
  using Deliver = std::function<void(Answer&&)>;
  explicit Question(Deliver deliver) : deliver_(std::move(deliver)) {}
  // Without an answer: the worker is gone.
  ~Question();
  Question(const Question&) = delete;
  Question& operator=(const Question&) = delete;

  std::shared_ptr<const RequestView> request = nullptr;     // admit, route, failed
  std::shared_ptr<const CandidateSource> candidates = nullptr;  // route
  std::optional<AttemptView> attempt = std::nullopt;        // failed
  std::optional<ExchangeView> exchange = std::nullopt;      // finished

  base::TimePoint asked() const { return asked_; }
  bool expired(base::TimePoint now) const { return now >= asked_ + budget_; }

  // The worker's: the first call counts. An answer that does not fit the point or is out of bounds becomes a Failure.
  void answer(Answer answer);
  // The asker's: it has waited long enough. False: an answer is on its way already.
  bool give_up();

 private:
  friend class Hook;
  enum class State : std::uint8_t { open, answered, given_up };
  Deliver deliver_;
  std::weak_ptr<Hook> hook_;  // a hook owns those that wait for it; whoever took one keeps the hook
  std::shared_ptr<DeliveryGate> gate_;  // null: it was not asked
  HookPoint point_ = HookPoint::admit;
  base::TimePoint asked_{};
  base::Duration budget_{};
  std::atomic<State> state_{State::open};
};

class Hook : public std::enable_shared_from_this<Hook> {
 public:
  static constexpr std::size_t kQueue = 1024;          // questions that wait for a worker at most
  static constexpr std::size_t kFinishedQueue = 8192;  // the same of `finished`, which nobody waits for

  // Hears of answers (on the worker's thread, with the time they took) and of failures (on any thread).
  struct Observer {
    std::function<void(const HookRow&, base::Duration)> on_answer;
    std::function<void(const HookRow&, const Failure&)> on_failure;
  };
  Hook(HookRow row, std::shared_ptr<const Observer> observer, std::shared_ptr<DeliveryGate> gate);

  const HookRow& row() const { return row_; }

  // False: its breaker is open. True may mean once, for the question that finds out whether it is well: ask it then.
  bool may_ask(base::TimePoint now) { return breaker_.allows(now); }
  // None: the question waits for its worker; else why it does not. REQUIRES may_ask().
  std::optional<Failure> ask(std::shared_ptr<Question> question, base::TimePoint now);
  // Waits up to `wait` for questions, and takes at most `most` of them; none when there were none, or when the hook is
  // closed and its last question was taken. What nobody waits for any more is left out.
  std::vector<std::shared_ptr<Question>> take(std::size_t most, base::Duration wait);
  // No more questions are asked; those that wait are still taken.
  void close();
  bool closed() const;

  // It was not asked, or nobody waits for it any longer.
  void fail(const Failure& failure, base::TimePoint now);

  struct Counts {
    std::uint64_t calls = 0, failures = 0;
    bool open = false;  // the breaker: it is not asked for now
    std::size_t waiting = 0;
  };
  Counts counts() const;

 private:
  friend class Question;
  void succeed(base::Duration took);

  const HookRow row_;
  const std::shared_ptr<const Observer> observer_;
  const std::shared_ptr<DeliveryGate> gate_;
  Breaker breaker_;
  std::atomic<std::uint64_t> calls_{0}, failures_{0};

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  std::deque<std::shared_ptr<Question>> waiting_;
  std::size_t idle_workers_ = 0;
  bool closed_ = false;
};

// The hooks in force, by point, each list in the order of asking. Immutable.
class HookSet {
 public:
  explicit HookSet(std::vector<std::shared_ptr<Hook>> hooks);
  ~HookSet();  // closes its hooks
  HookSet(const HookSet&) = delete;
  HookSet& operator=(const HookSet&) = delete;

  std::span<const std::shared_ptr<Hook>> at(HookPoint point) const { return points_[static_cast<std::size_t>(point)]; }
  std::span<const std::shared_ptr<Hook>> all() const { return all_; }
  bool wants_body() const { return wants_body_; }

 private:
  std::vector<std::shared_ptr<Hook>> all_;
  std::array<std::vector<std::shared_ptr<Hook>>, kPointNames.size()> points_;
  bool wants_body_ = false;
};

}  // namespace headworks::hooks
