#include "bench/lane.hpp"

#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace headworks::bench {

Poller::Poller() : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {}
Poller::~Poller() { ::close(epoll_); }

int Poller::collect(base::TimePoint until) {
  epoll_event ready[kMost];
  int count = ::epoll_wait(epoll_, ready, kMost, 0);
  if (count == 0) {
    // epoll_wait counts in milliseconds; ppoll on the epoll descriptor in nanoseconds.
    const auto left = std::max((until - std::chrono::steady_clock::now()).count(), std::int64_t{0});
    pollfd one{.fd = epoll_, .events = POLLIN, .revents = 0};
    const timespec time{.tv_sec = left / 1'000'000'000, .tv_nsec = left % 1'000'000'000};
    if (left > 0 && ::ppoll(&one, 1, &time, nullptr) > 0) count = ::epoll_wait(epoll_, ready, kMost, 0);
  }
  for (int i = 0; i < count; ++i) tags_[i] = ready[i].data.u32, events_[i] = ready[i].events;
  return count;
}

bool Lane::connect() {
  disconnect();
  fd_ = ::socket(target_->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd_ < 0) return false;
  const int on = 1;
  ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const auto* address = reinterpret_cast<const sockaddr*>(&target_->address);
  if (::connect(fd_, address, target_->address_size) != 0 && errno != EINPROGRESS) return false;
  connecting_ = true;
  watched_ = EPOLLOUT;
  epoll_event event{};
  event.events = watched_;
  event.data.u32 = tag_;
  return ::epoll_ctl(poller_->fd(), EPOLL_CTL_ADD, fd_, &event) == 0;
}

void Lane::disconnect() {
  if (fd_ >= 0) {
    ::epoll_ctl(poller_->fd(), EPOLL_CTL_DEL, fd_, nullptr);  // a child between fork and exec has a copy, which keeps the watch
    ::close(std::exchange(fd_, -1));
  }
  connecting_ = asked_ = false;
  reader_.next_answer();
  body_.clear();
}

Lane::Event Lane::send() {
  asked_ = true;
  sent_ = 0;
  return push();
}

Lane::Event Lane::push() {
  while (sent_ < target_->request.size()) {
    const ssize_t size =
        ::send(fd_, target_->request.data() + sent_, target_->request.size() - sent_, MSG_NOSIGNAL);
    if (size < 0) {
      if (errno == EINTR) continue;
      if (errno != EAGAIN) return Event::failed;
      watch(EPOLLIN | EPOLLOUT);
      return Event::nothing;
    }
    sent_ += static_cast<std::size_t>(size);
  }
  watch(EPOLLIN);
  return Event::nothing;
}

void Lane::watch(std::uint32_t events) {
  if (events == watched_) return;
  watched_ = events;
  epoll_event event{};
  event.events = events;
  event.data.u32 = tag_;
  ::epoll_ctl(poller_->fd(), EPOLL_CTL_MOD, fd_, &event);
}

Lane::Event Lane::on_events(std::uint32_t events, std::string& scratch) {
  if (fd_ < 0) return Event::nothing;
  if (connecting_) {
    int failed = 0;
    socklen_t size = sizeof failed;
    ::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &failed, &size);
    if (failed != 0) return Event::failed;
    connecting_ = false;
    watch(EPOLLIN);
    return Event::connected;
  }
  if ((events & EPOLLOUT) != 0 && asked_ && push() == Event::failed) return Event::failed;
  if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) return receive(scratch);
  return Event::nothing;
}

Lane::Event Lane::receive(std::string& scratch) {
  const ssize_t size = ::recv(fd_, scratch.data(), scratch.size(), 0);
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return Event::nothing;
  if (size <= 0) {
    if (!asked_) return Event::closed;
    return size == 0 && reader_.on_end() ? Event::answered : Event::failed;
  }
  if (!asked_) return Event::failed;  // bytes that nobody asked for
  received_ += static_cast<std::uint64_t>(size);
  const std::string_view bytes(scratch.data(), static_cast<std::size_t>(size));
  const std::size_t taken = reader_.feed(bytes, body_);
  if (reader_.broken() || taken < bytes.size()) return Event::failed;
  return reader_.complete() ? Event::answered : Event::bytes;
}

bool Lane::next() {
  const bool usable = reader_.complete() && !reader_.closes();
  asked_ = false;
  reader_.next_answer();
  body_.clear();
  return usable;
}

}  // namespace headworks::bench
