#include "gateway/waiting_room.hpp"

namespace headworks::gateway {

using routing::WaitingLine;

WaitingRoom::WaitingRoom(net::EventLoop& home)
    : home_(&home),
      random_(home.random().next()),
      line_(random_, [this](WaitingLine::Answer&& one) { answer(std::move(one)); }),
      alarm_(std::make_unique<Alarm>(*this)) {}

void WaitingRoom::close() {
  home_ = nullptr;
  alarm_.reset();
}

template <class Job>
void WaitingRoom::at_home(Job job) {
  if (home_ == nullptr) return;
  if (home_->on_this_thread()) return job();
  home_->post(std::move(job));
}

void WaitingRoom::set_limits(const WaitingLine::Limits& limits) {
  at_home([this, limits] {
    line_.set_limits(limits);
    advance();
  });
}

void WaitingRoom::wake() {
  if (home_ != nullptr && home_->on_this_thread()) return advance();
  if (poked_.exchange(true)) return;  // a message is on its way already
  at_home([this] {
    poked_ = false;
    advance();
  });
}

void WaitingRoom::join(const WaitingLine::Request& request, const std::shared_ptr<Turn::Shared>& shared) {
  turns_[request.id] = shared;
  line_.join(request, home_->refresh_now());
  after_change();
}

void WaitingRoom::leave(std::uint64_t id) {
  turns_.erase(id);
  line_.leave(id, home_->now());
  after_change();
}

void WaitingRoom::advance() {
  line_.advance(home_->now());
  after_change();
}

void WaitingRoom::after_change() {
  waiting_.store(line_.waiting(), std::memory_order_relaxed);
  busy_.store(line_.waiting() + line_.promises() != 0, std::memory_order_relaxed);
  if (const auto wake = line_.next_wake(home_->now()))
    alarm_->arm(home_->wheel(), *wake);
  else
    alarm_->disarm();
}

void WaitingRoom::answer(WaitingLine::Answer&& one) {
  const auto found = turns_.find(one.id);
  if (found == turns_.end()) return;
  const std::shared_ptr<Turn::Shared> shared = std::move(found->second);
  turns_.erase(found);
  shared->answer = std::move(one);
  const auto deliver = [shared] {
    if (shared->turn != nullptr) shared->turn->on_answer();
    else shared->answer.found.reset();  // the client left meanwhile: the slot goes back
  };
  if (shared->loop->on_this_thread()) deliver();
  else shared->loop->post(deliver);
}

WaitingRoom::Turn::Turn(WaitingRoom& room, net::EventLoop& loop, WaitingLine::Request request)
    : room_(room), shared_(std::make_shared<Shared>()), request_(std::move(request)) {
  request_.id = room.last_id_.fetch_add(1, std::memory_order_relaxed) + 1;
  shared_->loop = &loop;
  shared_->keep = request_.keep;
  shared_->turn = this;
}

WaitingRoom::Turn::~Turn() {
  if (!frame_) return;
  shared_->loop->forget(frame_);
  shared_->turn = nullptr;
  room_.at_home([room = &room_, id = request_.id] { room->leave(id); });
}

void WaitingRoom::Turn::await_suspend(std::coroutine_handle<> frame) {
  frame_ = frame;
  room_.at_home([room = &room_, request = request_, shared = shared_] { room->join(request, shared); });
}

void WaitingRoom::Turn::on_answer() {
  shared_->turn = nullptr;
  shared_->loop->resume_later(std::exchange(frame_, {}));
}

void WaitingRoom::Turn::interrupt() {
  if (shared_->turn == nullptr) return;
  room_.at_home([room = &room_, id = request_.id] { room->leave(id); });
  on_answer();
}

}  // namespace headworks::gateway
