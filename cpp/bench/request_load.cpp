#include "bench/request_load.hpp"

#include <algorithm>

namespace headworks::bench {
namespace {

constexpr base::Duration kGrace = std::chrono::seconds(2);
// Idle connections are made a few at a time, so that what remains is their cost and not that of a crowd at
// the door.
constexpr std::size_t kIdleAtOnce = 8;
constexpr base::Duration kMostIdleSetup = std::chrono::seconds(30);
constexpr base::Duration kLook = std::chrono::milliseconds(20);  // how often the stop token is looked at

base::TimePoint clock_now() { return std::chrono::steady_clock::now(); }

}  // namespace

RequestLoad::RequestLoad(const Options& options, Target target)
    : options_(options), target_(std::move(target)), expected_(options.expect_body) {
  report_.mode = options.mode;
  report_.connections = options.connections;
  for (std::uint32_t tag = 0; tag < options.connections; ++tag) calls_.emplace_back(poller_, target_, tag);
}

Report RequestLoad::run() {
  started_ = last_answer_ = clock_now();
  const std::size_t at_once = options_.mode == Mode::idle ? kIdleAtOnce : calls_.size();
  while (next_connect_ < std::min(at_once, calls_.size())) connect_next();
  for (base::TimePoint now = started_; !over(now); now = clock_now()) {
    issue_due(now);
    poller_.wait(std::min(now + kLook, next_arrival()),
                 [this](std::uint32_t tag, std::uint32_t events) { on_lane(tag, events); });
  }
  report_.seconds = std::chrono::duration<double>(last_answer_ - started_).count();
  if (options_.mode == Mode::idle && dead_ < calls_.size()) hold();
  report_.faults.unfinished += waiting_.size() + (options_.mode == Mode::idle ? 0 : busy_);
  for (const Call& call : calls_) report_.bytes += call.lane.received();
  return std::move(report_);
}

void RequestLoad::connect_next() {
  if (next_connect_ == calls_.size()) return;
  Call& call = calls_[next_connect_++];
  if (!call.lane.connect()) on_failure(call, false);
}

bool RequestLoad::may_issue() const {
  if (closing_) return false;
  if (options_.mode == Mode::idle) return issued_ < options_.connections;
  return options_.requests == 0 || issued_ < options_.requests;
}

// Open: when the next request should be sent; the others never ask.
base::TimePoint RequestLoad::next_arrival() const {
  if (options_.mode != Mode::open || !may_issue()) return base::TimePoint::max();
  return started_ +
         base::Duration(static_cast<std::int64_t>(static_cast<double>(issued_) * 1e9 / options_.rate));
}

bool RequestLoad::over(base::TimePoint now) {
  const bool timed = options_.mode != Mode::idle;
  if (options_.stop.stop_requested() || (timed && now >= started_ + options_.duration)) closing_ = true;
  if (dead_ == calls_.size()) return true;
  if (!timed) return closing_ || report_.answers + dead_ >= calls_.size() || now >= started_ + kMostIdleSetup;
  if (!closing_ && may_issue()) return false;
  if (now >= started_ + options_.duration + kGrace) return true;
  return busy_ == 0 && waiting_.empty();
}

void RequestLoad::issue_due(base::TimePoint now) {
  for (base::TimePoint due = next_arrival(); due <= now; due = next_arrival()) {
    ++issued_;
    if (free_.empty()) {
      waiting_.push_back(due);
    } else {
      Call& call = calls_[free_.back()];
      free_.pop_back();
      start(call, due);
    }
  }
}

void RequestLoad::start(Call& call, base::TimePoint since) {
  call.since = since;
  ++busy_;
  if (call.lane.send() == Lane::Event::failed) on_failure(call, true);
}

void RequestLoad::on_lane(std::uint32_t tag, std::uint32_t events) {
  Call& call = calls_[tag];
  const bool was_connected = call.lane.connected();
  switch (call.lane.on_events(events, scratch_)) {
    case Lane::Event::nothing:
    case Lane::Event::bytes:
      return;
    case Lane::Event::connected:
      return on_ready(call, tag);
    case Lane::Event::answered:
      return on_answer(call, tag);
    case Lane::Event::failed:
      return on_failure(call, was_connected);
    case Lane::Event::closed:
      std::erase(free_, tag);
      if (options_.mode == Mode::idle) ++report_.faults.broken;
      if (options_.mode == Mode::idle || !call.lane.connect()) call.lane.disconnect();
      return;
  }
}

// The lane can take a request.
void RequestLoad::on_ready(Call& call, std::uint32_t tag) {
  if (options_.mode == Mode::open) {
    if (waiting_.empty()) {
      free_.push_back(tag);
    } else {
      const base::TimePoint since = waiting_.front();
      waiting_.pop_front();
      start(call, since);
    }
  } else if (may_issue()) {
    ++issued_;
    start(call, clock_now());
  }
}

void RequestLoad::on_answer(Call& call, std::uint32_t tag) {
  last_answer_ = clock_now();
  --busy_;
  ++report_.answers;
  if (options_.progress != nullptr) options_.progress->answers.fetch_add(1, std::memory_order_relaxed);
  report_.latency.record(
      static_cast<std::uint64_t>(std::max<std::int64_t>((last_answer_ - call.since).count(), 0)));
  check(call.lane);
  const bool usable = call.lane.next();
  if (options_.mode == Mode::idle) {
    if (!usable) ++report_.faults.broken;
    connect_next();
  } else if (usable) {
    on_ready(call, tag);
  } else if (!call.lane.connect()) {
    on_failure(call, false);
  }
}

void RequestLoad::check(Lane& lane) {
  ++report_.statuses[lane.status()];
  if (lane.status() != options_.expect_status) {
    ++report_.faults.status;
    return;
  }
  if (!options_.compare_bodies) return;
  if (!expected_) expected_ = lane.body();
  if (lane.body() != *expected_) ++report_.faults.different;
}

void RequestLoad::on_failure(Call& call, bool was_connected) {
  if (!call.lane.idle()) --busy_;
  ++(was_connected ? report_.faults.broken : report_.faults.connect);
  if (was_connected && options_.mode != Mode::idle && call.lane.connect()) return;
  // Not tried again: what refuses now would refuse in a tight loop.
  ++dead_;
  call.lane.disconnect();
  if (options_.mode == Mode::idle) connect_next();
}

void RequestLoad::hold() {
  if (options_.on_steady) options_.on_steady();
  for (const base::TimePoint end = clock_now() + options_.duration;;) {
    const base::TimePoint now = clock_now();
    if (now >= end || options_.stop.stop_requested()) return;
    poller_.wait(std::min(now + kLook, end),
                 [this](std::uint32_t tag, std::uint32_t events) { on_lane(tag, events); });
  }
}

}  // namespace headworks::bench
