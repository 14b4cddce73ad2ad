#include "net/event_loop.hpp"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "net/system_calls.hpp"

namespace headworks::net {
namespace {

constexpr int kMaxEvents = 256;
thread_local EventLoop* current_loop = nullptr;

void report_failure(void* log, std::exception_ptr failure) noexcept {
  auto& out = *static_cast<base::Log*>(log);
  try {
    std::rethrow_exception(failure);
  } catch (const std::exception& error) {
    out.log(base::LogLevel::error, "a bug ended a connection; others are not affected", {{"detail", error.what()}});
  } catch (...) {
    out.log(base::LogLevel::error, "an unknown exception ended a connection; others are not affected");
  }
}

base::TimePoint read_clock() { return std::chrono::steady_clock::now(); }

}  // namespace

EventLoop::EventLoop(std::uint32_t index, std::uint64_t seed, base::Log& log)
    : index_(index), log_(log), now_(read_clock()), wheel_(now_), random_(seed), tasks_(report_failure, &log) {
  epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
  wake_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (epoll_ < 0 || wake_ < 0) throw std::system_error(errno, std::generic_category(), "event loop");
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = nullptr;  // the wake-up
  ::epoll_ctl(epoll_, EPOLL_CTL_ADD, wake_, &event);
  events_.resize(kMaxEvents);
  refresh_now();
}

EventLoop::~EventLoop() {
  tasks_.cancel_all();
  ::close(wake_);
  ::close(epoll_);
}

EventLoop* EventLoop::current() { return current_loop; }

base::TimePoint EventLoop::refresh_now() {
  now_ = read_clock();
  // The wall clock may be set while we run; once a second is often enough for rows and logs.
  if (now_ - wall_read_ > std::chrono::seconds(1)) {
    wall_read_ = now_;
    wall_offset_ = base::WallTime(std::chrono::system_clock::now()).time_since_epoch() - now_.time_since_epoch();
  }
  return now_;
}

int EventLoop::watch(int fd, Pollable& pollable) {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.ptr = &pollable;
  return ::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : errno;
}

void EventLoop::unwatch(int fd, Pollable& pollable) {
  ::epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr);
  for (int i = dispatched_; i < dispatch_count_; ++i) {
    epoll_event& event = events_[static_cast<std::size_t>(i)];
    if (event.data.ptr == &pollable) event.events = 0;
  }
}

void EventLoop::forget(std::coroutine_handle<> frame) {
  std::replace(ready_.begin(), ready_.end(), frame, std::coroutine_handle<>(std::noop_coroutine()));
}

void EventLoop::post(std::function<void()> job) {
  {
    const std::lock_guard lock(mutex_);
    posted_.push_back(std::move(job));
    if (posted_.size() > 1) return;  // a wake-up is under way already
  }
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(wake_, &one, sizeof one);
}

void EventLoop::stop() {
  stopping_.store(true, std::memory_order_release);
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(wake_, &one, sizeof one);
}

void EventLoop::run_posted() {
  std::uint64_t count = 0;
  [[maybe_unused]] const auto read = ::read(wake_, &count, sizeof count);
  std::vector<std::function<void()>> jobs;
  {
    const std::lock_guard lock(mutex_);
    jobs.swap(posted_);
  }
  for (auto& job : jobs) job();
}

void EventLoop::resume_ready() {
  // What becomes ready meanwhile belongs to this turn too; index, since the vector may grow.
  for (std::size_t i = 0; i < ready_.size(); ++i) {
    const std::coroutine_handle<> frame = ready_[i];
    ready_[i] = std::noop_coroutine();
    frame.resume();
  }
  ready_.clear();
}

int EventLoop::wait_milliseconds() const {
  const auto due = wheel_.next_due();
  if (!due) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(*due - now_).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000));
}

void EventLoop::dispatch(const epoll_event* events, int count) {
  dispatch_count_ = count;
  for (int i = 0; i < count; ++i) {
    dispatched_ = i + 1;
    const epoll_event& event = events[i];
    if (event.events == 0) continue;
    if (event.data.ptr == nullptr) {
      run_posted();
      continue;
    }
    static_cast<Pollable*>(event.data.ptr)
        ->on_ready({.readable = (event.events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0,
                    .writable = (event.events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0,
                    .peer_closed = (event.events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0});
  }
  dispatch_count_ = dispatched_ = 0;
}

void EventLoop::LagProbe::start() {
  due_ = loop_.now() + std::chrono::seconds(1);
  arm(loop_.wheel(), due_);
}

void EventLoop::LagProbe::on_expired() {
  const auto late = (read_clock() - due_ - TimerWheel::kTick).count();
  if (late > loop_.lag_.load(std::memory_order_relaxed)) loop_.lag_.store(late, std::memory_order_relaxed);
  start();
}

void EventLoop::run() {
  current_loop = this;
  refresh_now();
  lag_probe_.start();
  while (!stopping_.load(std::memory_order_acquire)) {
    const int timeout = ready_.empty() ? wait_milliseconds() : 0;
    const int count = wait_for_events(epoll_, events_.data(), kMaxEvents, timeout);
    refresh_now();
    if (count > 0) dispatch(events_.data(), count);
    resume_ready();
    wheel_.advance(now_);
    resume_ready();
  }
  tasks_.cancel_all();
  ready_.clear();
  current_loop = nullptr;
}

}  // namespace headworks::net
