#include "upstream/connection.hpp"

#include <linux/sockios.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

namespace headworks::upstream {
namespace {

constexpr std::size_t kMostUnread = 1 << 20;
constexpr base::Duration kLinger = std::chrono::seconds(2);
constexpr base::Duration kTick = std::chrono::milliseconds(1);
constexpr std::uint32_t kMostResetWaits = 1'000;

base::TimePoint clock_now() { return std::chrono::steady_clock::now(); }

}  // namespace

Connection::Connection(Stage& stage, int fd, std::uint64_t number, bool ignored)
    : stage_(stage), fd_(fd), number_(number), ignored_(ignored) {
  epoll_event event{};
  watched_ = ignored ? static_cast<std::uint32_t>(EPOLLRDHUP) : static_cast<std::uint32_t>(EPOLLIN);
  event.events = watched_;
  event.data.ptr = this;
  ::epoll_ctl(stage_.epoll, EPOLL_CTL_ADD, fd_, &event);
  stage_.director.journal().on_accepted();
}

Connection::~Connection() {
  if (fd_ >= 0) {
    ::epoll_ctl(stage_.epoll, EPOLL_CTL_DEL, fd_, nullptr);  // a child between fork and exec has a copy, which keeps the watch
    ::close(fd_);
  }
  stage_.director.journal().on_disconnected();
}

void Connection::on_events(std::uint32_t events) {
  if (gone_) return;
  if ((events & EPOLLIN) != 0) {
    receive();
  } else if ((events & (EPOLLHUP | EPOLLERR | EPOLLRDHUP)) != 0) {
    on_peer_gone((events & EPOLLERR) != 0 ? End::reset : End::client_closed);
  }
  if (!gone_ && (events & EPOLLOUT) != 0) work({});
  if (!gone_) watch();
}

void Connection::on_turn() {
  eager_ = false;
  if (gone_) return;
  work({});
  if (!gone_) watch();
}

void Connection::on_timer(base::TimePoint) {
  if (gone_) return;
  if (lingering_) return performance_.after == After::reset ? reset_when_sent() : leave();
  work({});
  if (!gone_) watch();
}

void Connection::receive() {
  const ssize_t size = ::recv(fd_, stage_.receive_buffer.data(), stage_.receive_buffer.size(), 0);
  if (size > 0) return work({stage_.receive_buffer.data(), static_cast<std::size_t>(size)});
  if (size == 0) return on_peer_gone(End::client_closed);
  if (errno != EAGAIN && errno != EINTR) on_peer_gone(End::reset);
}

// The whole life of the connection, as far as it goes without waiting.
void Connection::work(std::string_view input) {
  if (lingering_) return;
  std::string earlier;
  if (!unread_.empty()) {
    earlier = std::move(unread_);
    unread_.clear();
    earlier.append(input);
    input = earlier;
  }
  for (;;) {
    while (!input.empty() && !reader_.complete() && !reader_.broken()) {
      input.remove_prefix(reader_.feed(input));
      if (reader_.head_complete() && !greeted_) break;
    }
    if (!playing_ && !answered_ && decide()) playing_ = true;
    if (playing_) play();
    if (gone_ || lingering_) return;
    if (answered_ && reader_.complete()) {
      reader_.next_request();
      answered_ = greeted_ = false;
      if (!input.empty()) continue;
    }
    const bool can_read = !input.empty() && !reader_.complete() && !reader_.broken();
    if (can_read) continue;
    unread_.assign(input);
    return;
  }
}

// Whether there is something to play now.
bool Connection::decide() {
  if (!reader_.head_complete()) return false;
  const Request& request = reader_.request();
  const base::TimePoint now = clock_now();
  Direction direction;
  if (reader_.broken()) {
    direction.performance = compose_json(400, R"({"error":{"message":"this is not HTTP/1.1"}})", {}, true);
  } else if (stale_ != After::keep) {
    if (!reader_.complete()) return false;
    direction = stage_.director.on_stale_request(request, number_, now,
                                                 stale_ == After::stale_close ? After::close : After::reset);
  } else if (reader_.complete()) {
    direction = stage_.director.on_request(request, number_, now, std::chrono::system_clock::now());
  } else {
    if (std::exchange(greeted_, true)) return false;
    auto early = stage_.director.on_head(request, number_, now, std::chrono::system_clock::now());
    if (!early) {
      if (!request.header("expect").empty()) {
        out_ += "HTTP/1.1 100 Continue\r\n\r\n";
        flush();
      }
      return false;
    }
    direction = std::move(*early);
  }
  performance_ = std::move(direction.performance);
  request_number_ = direction.number;
  part_ = 0;
  part_started_.reset();
  part_sent_ = 0;
  written_ = 0;
  return true;
}

void Connection::play() {
  while (part_ < performance_.parts.size()) {
    const Progress progress = play_part(performance_.parts[part_]);
    if (progress != Progress::advanced) return;
    ++part_;
    part_started_.reset();
    part_sent_ = 0;
  }
  if (flush()) finish();
}

Connection::Progress Connection::play_part(Part& part) {
  return std::visit([this](auto& one) { return play(one); }, part);
}

Connection::Progress Connection::play(WritePart& part) {
  if (out_.empty()) {
    out_ = std::move(part.bytes);
  } else {
    out_ += part.bytes;
  }
  return Progress::advanced;
}

Connection::Progress Connection::play(PausePart& part) {
  if (!flush()) return Progress::blocked;
  const base::TimePoint now = clock_now();
  if (!part_started_) part_started_ = now;
  if (now - *part_started_ >= part.time) return Progress::advanced;
  if (!armed()) stage_.wheel.arm(*this, *part_started_ + part.time);
  return Progress::blocked;
}

Connection::Progress Connection::play(DripPart& part) {
  const base::TimePoint now = clock_now();
  if (!part_started_) part_started_ = now;
  while (part_sent_ < part.bytes.size()) {
    const base::TimePoint due =
        *part_started_ + part.every * static_cast<std::int64_t>(part_sent_ / part.step);
    if (due > now) {
      if (flush() && !armed()) stage_.wheel.arm(*this, due);
      return Progress::blocked;
    }
    const std::size_t size = std::min(part.step, part.bytes.size() - part_sent_);
    out_.append(part.bytes, part_sent_, size);
    part_sent_ += size;
    if (!flush()) return Progress::blocked;
  }
  return Progress::advanced;
}

Connection::Progress Connection::play(StreamPart& part) {
  EventStream& stream = part.stream;
  if (!part_started_) {
    part_started_ = clock_now();
    stream.append_opening(out_);
  }
  while (!stream.finished()) {
    const base::TimePoint now = clock_now();
    if (stream.rated()) {
      const base::TimePoint due = stream.due(*part_started_);
      if (due > now) {
        if (flush() && !armed()) stage_.wheel.arm(*this, due);
        return Progress::blocked;
      }
    }
    stream.append_next(out_, now);
    // One write per event, as providers do; what then coalesces does so on the way.
    if (!flush()) return Progress::blocked;
    // At full speed the streams take turns, event by event.
    if (!stream.rated()) {
      if (!std::exchange(eager_, true)) stage_.eager.push_back(this);
      return Progress::blocked;
    }
  }
  stream.append_closing(out_);
  return Progress::advanced;
}

Connection::Progress Connection::play(HangPart&) {
  flush();
  return Progress::blocked;
}

// Everything is sent.
void Connection::finish() {
  playing_ = false;
  answered_ = true;
  note_end(performance_.cut ? End::cut : End::done);
  switch (performance_.after) {
    case After::keep:
      stale_ = After::keep;
      return;
    case After::stale_close:
    case After::stale_reset:
      stale_ = performance_.after;
      return;
    case After::close:
      ::shutdown(fd_, SHUT_WR);
      lingering_ = true;
      stage_.wheel.arm(*this, clock_now() + kLinger);
      return;
    case After::reset:
      lingering_ = true;
      return reset_when_sent();
  }
}

// A reset throws away what the kernel has not sent yet: it waits until the peer has acknowledged everything.
void Connection::reset_when_sent() {
  int unsent = 0;
  if (::ioctl(fd_, SIOCOUTQ, &unsent) == 0 && unsent > 0 && ++reset_waits_ < kMostResetWaits) {
    stage_.wheel.arm(*this, clock_now() + kTick);
    return;
  }
  const linger now{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  leave();
}

// Whether everything is with the kernel.
bool Connection::flush() {
  while (out_sent_ < out_.size()) {
    const ssize_t size = ::send(fd_, out_.data() + out_sent_, out_.size() - out_sent_, MSG_NOSIGNAL);
    if (size < 0) {
      if (errno == EINTR) continue;
      if (errno != EAGAIN) on_peer_gone(End::reset);
      return false;
    }
    if (written_ == 0 && request_number_ != 0) {
      stage_.director.journal().on_first_byte(request_number_, clock_now());
    }
    written_ += static_cast<std::uint64_t>(size);
    out_sent_ += static_cast<std::size_t>(size);
  }
  out_.clear();
  out_sent_ = 0;
  return true;
}

void Connection::watch() {
  std::uint32_t wanted = ignored_ ? static_cast<std::uint32_t>(EPOLLRDHUP) : 0;
  if (!ignored_ && unread_.size() < kMostUnread) wanted |= EPOLLIN;
  if (out_sent_ < out_.size()) wanted |= EPOLLOUT;
  if (wanted == watched_) return;
  watched_ = wanted;
  epoll_event event{};
  event.events = wanted;
  event.data.ptr = this;
  ::epoll_ctl(stage_.epoll, EPOLL_CTL_MOD, fd_, &event);
}

void Connection::note_end(End end) {
  if (request_number_ != 0) stage_.director.journal().on_end(request_number_, end, written_, clock_now());
}

void Connection::on_peer_gone(End end) {
  if (gone_) return;
  if (playing_) note_end(end);
  if (request_number_ != 0) stage_.director.journal().on_peer_closed(request_number_, clock_now());
  leave();
}

void Connection::leave() {
  if (gone_) return;
  gone_ = true;
  disarm();
  ::close(std::exchange(fd_, -1));
  stage_.gone.push_back(this);
}

}  // namespace headworks::upstream
