#include "hooks/hook.hpp"

#include <algorithm>

namespace headworks::hooks {

namespace {

base::TimePoint read_clock() { return base::SystemClock().now(); }

}  // namespace

Question::~Question() {
  if (gate_ != nullptr && state_ == State::open) answer(Failure{.reason = "no_worker"});
}

void Question::answer(Answer answer) {
  State open = State::open;
  if (!state_.compare_exchange_strong(open, State::answered)) return;
  if (!std::holds_alternative<Failure>(answer)) {
    std::string fault = fits(point_, answer) ? find_fault(answer)
                                             : "that is no answer of a hook named " + std::string(name_of(point_));
    if (!fault.empty()) answer = Failure{.reason = "rubbish", .detail = std::move(fault)};
  }
  const base::TimePoint now = read_clock();
  gate_->pass([&] {
    if (const std::shared_ptr<Hook> hook = hook_.lock()) {
      if (const auto* failure = std::get_if<Failure>(&answer)) hook->fail(*failure, now);
      else hook->succeed(now - asked_);
    }
    if (deliver_) deliver_(std::move(answer));
  });
}

bool Question::give_up() {
  State open = State::open;
  return state_.compare_exchange_strong(open, State::given_up);
}

Hook::Hook(HookRow row, std::shared_ptr<const Observer> observer, std::shared_ptr<DeliveryGate> gate)
    : row_(std::move(row)), observer_(std::move(observer)), gate_(std::move(gate)) {}

std::optional<Failure> Hook::ask(std::shared_ptr<Question> question, base::TimePoint now) {
  question->hook_ = weak_from_this();
  question->gate_ = gate_;
  question->point_ = row_.point;
  question->asked_ = now;
  // Nobody waits for what a `finished` hook says: it may take its time.
  question->budget_ = row_.point == HookPoint::finished ? base::Duration(std::chrono::hours{1}) : row_.timeout;
  std::optional<Failure> refused;
  bool wake = false;
  {
    const std::lock_guard lock(mutex_);
    const std::size_t most = row_.point == HookPoint::finished ? kFinishedQueue : kQueue;
    if (closed_) refused = Failure{.reason = "no_worker"};
    else if (waiting_.size() >= most) refused = Failure{.reason = "full"};
    else {
      waiting_.push_back(question);
      wake = idle_workers_ != 0;
    }
  }
  if (refused) {
    question->state_ = Question::State::given_up;
    return refused;
  }
  calls_.fetch_add(1, std::memory_order_relaxed);
  if (wake) changed_.notify_one();
  return std::nullopt;
}

std::vector<std::shared_ptr<Question>> Hook::take(std::size_t most, base::Duration wait) {
  std::vector<std::shared_ptr<Question>> taken;
  std::unique_lock lock(mutex_);
  if (waiting_.empty() && !closed_) {
    ++idle_workers_;
    changed_.wait_for(lock, wait, [this] { return !waiting_.empty() || closed_; });
    --idle_workers_;
  }
  const base::TimePoint now = read_clock();
  while (!waiting_.empty() && taken.size() < most) {
    if (!waiting_.front()->expired(now)) taken.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
  return taken;
}

void Hook::close() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  changed_.notify_all();
}

bool Hook::closed() const {
  const std::lock_guard lock(mutex_);
  return closed_;
}

void Hook::succeed(base::Duration took) {
  breaker_.succeed();
  if (observer_) observer_->on_answer(row_, took);
}

void Hook::fail(const Failure& failure, base::TimePoint now) {
  failures_.fetch_add(1, std::memory_order_relaxed);
  if (failure.reason != "breaker") breaker_.fail(now);
  if (observer_) observer_->on_failure(row_, failure);
}

Hook::Counts Hook::counts() const {
  const std::lock_guard lock(mutex_);
  return {.calls = calls_, .failures = failures_, .open = breaker_.open(), .waiting = waiting_.size()};
}

HookSet::HookSet(std::vector<std::shared_ptr<Hook>> hooks) : all_(std::move(hooks)) {
  for (const auto& hook : all_) {
    points_[static_cast<std::size_t>(hook->row().point)].push_back(hook);
    wants_body_ |= hook->row().wants_body;
  }
}

HookSet::~HookSet() {
  for (const auto& hook : all_) hook->close();
}

}  // namespace headworks::hooks
