#include "net/socket.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "net/system_calls.hpp"
#include "net/tls.hpp"

namespace headworks::net {

Socket::Socket(EventLoop& loop, int fd, std::unique_ptr<TlsSession> tls)
    : loop_(loop), fd_(fd), tls_(std::move(tls)) {
  if (loop_.watch(fd_, *this) != 0) interrupted_ = true;  // out of memory for epoll: every operation fails
}

Socket::~Socket() {
  if (fd_ < 0) return;
  loop_.unwatch(fd_, *this);
  ::close(fd_);
}

int Socket::release() {
  loop_.unwatch(fd_, *this);
  return std::exchange(fd_, -1);
}

void Socket::on_ready(Readiness readiness) {
  readable_ |= readiness.readable;
  writable_ |= readiness.writable;
  if (readiness.peer_closed && !peer_closed_) {
    peer_closed_ = true;
    if (PeerWatcher* watcher = std::exchange(watcher_, nullptr)) watcher->on_peer_closed();
  }
  const bool may_write = readiness.writable || tls_ != nullptr || (writer_ != nullptr && writer_->until_answered_);
  const bool write_done = writer_ != nullptr && may_write && writer_->advance();
  const bool read_done = reader_ != nullptr && readable_;
  if (write_done) write_deadline_.disarm();
  if (read_done) read_deadline_.disarm();
  // Resuming may destroy this socket, so at most one frame is resumed from here, and last.
  if (write_done && read_done) {
    wake_writer(writer_->status_);
    std::exchange(reader_, nullptr)->frame_.resume();
  } else if (write_done) {
    std::exchange(writer_, nullptr)->frame_.resume();
  } else if (read_done) {
    std::exchange(reader_, nullptr)->frame_.resume();
  }
}

void Socket::wake_reader(IoStatus status) {
  ReadWait* waiting = std::exchange(reader_, nullptr);
  waiting->status_ = status;
  waiting->queued_ = true;
  loop_.resume_later(waiting->frame_);
}

void Socket::wake_writer(IoStatus status) {
  WriteWait* waiting = std::exchange(writer_, nullptr);
  waiting->status_ = status;
  waiting->queued_ = true;
  loop_.resume_later(waiting->frame_);
}

void Socket::on_deadline(bool read) {
  if (read && reader_ != nullptr) wake_reader(IoStatus::timeout);
  if (!read && writer_ != nullptr) wake_writer(IoStatus::timeout);
}

void Socket::interrupt() {
  interrupted_ = true;
  if (reader_ != nullptr) wake_reader(IoStatus::interrupted);
  if (writer_ != nullptr) wake_writer(IoStatus::interrupted);
}

void Socket::watch_peer(PeerWatcher* watcher) {
  if (watcher != nullptr && peer_closed_) {
    watcher->on_peer_closed();
    return;
  }
  watcher_ = watcher;
}

ReadResult Socket::try_read(char* data, std::size_t size) {
  if (!readable_) return {IoStatus::would_block, 0};  // known without asking the kernel
  if (tls_ != nullptr) {
    const ReadResult result = tls_->read(fd_, data, size);
    if (result.status == IoStatus::would_block) readable_ = peer_closed_;
    return result;
  }
  for (;;) {
    const ssize_t count = receive(fd_, data, size);
    if (count > 0) {
      // A short read empties a stream socket (epoll(7)); only a FIN may still be behind it.
      if (static_cast<std::size_t>(count) < size) readable_ = peer_closed_;
      return {IoStatus::ok, static_cast<std::size_t>(count)};
    }
    if (count == 0) return {IoStatus::closed, 0};
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
      readable_ = false;
      return {IoStatus::would_block, 0};
    }
    return {IoStatus::reset, 0};
  }
}

IoStatus Socket::advance_write(std::span<iovec>& pieces) {
  while (!pieces.empty()) {
    std::size_t written = 0;
    if (tls_ != nullptr) {
      const ReadResult result = tls_->write(fd_, pieces);
      if (result.status != IoStatus::ok) return result.status;
      written = result.bytes;
    } else {
      msghdr message{};
      message.msg_iov = pieces.data();
      message.msg_iovlen = pieces.size();
      const ssize_t count = send_message(fd_, message, MSG_NOSIGNAL);
      if (count < 0) {
        if (errno == EINTR) continue;
        if (errno == EAGAIN || errno == EWOULDBLOCK) return IoStatus::would_block;
        return IoStatus::reset;
      }
      written = static_cast<std::size_t>(count);
    }
    while (!pieces.empty() && written >= pieces.front().iov_len) {
      written -= pieces.front().iov_len;
      pieces = pieces.subspan(1);
    }
    if (written > 0) {
      pieces.front().iov_base = static_cast<char*>(pieces.front().iov_base) + written;
      pieces.front().iov_len -= written;
    }
  }
  return IoStatus::ok;
}

IoStatus Socket::advance_connect() {
  socklen_t size = sizeof connect_error_;
  if (::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &connect_error_, &size) != 0 || connect_error_ != 0) return IoStatus::reset;
  sockaddr_storage peer{};
  size = sizeof peer;
  if (::getpeername(fd_, reinterpret_cast<sockaddr*>(&peer), &size) != 0)
    return errno == ENOTCONN ? IoStatus::would_block : IoStatus::reset;
  return tls_ != nullptr ? tls_->handshake(fd_) : IoStatus::ok;
}

std::string Socket::failure() const {
  if (connect_error_ != 0) return std::strerror(connect_error_);
  return tls_ != nullptr ? tls_->failure() : "the connection was closed";
}

void Socket::shutdown_write() {
  if (tls_ != nullptr) tls_->close_notify(fd_);
  ::shutdown(fd_, SHUT_WR);
}

void Socket::reset_on_close() {
  const linger now{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

Socket::ReadWait::~ReadWait() {
  if (queued_) socket_.loop_.forget(frame_);
  if (socket_.reader_ != this) return;
  socket_.reader_ = nullptr;
  socket_.read_deadline_.disarm();
}

void Socket::ReadWait::await_suspend(std::coroutine_handle<> frame) {
  frame_ = frame;
  socket_.reader_ = this;
  if (deadline_ != base::TimePoint::max()) socket_.read_deadline_.arm(socket_.loop_.wheel(), deadline_);
}

Socket::WriteWait::~WriteWait() {
  if (queued_) socket_.loop_.forget(frame_);
  if (socket_.writer_ != this) return;
  socket_.writer_ = nullptr;
  socket_.write_deadline_.disarm();
}

bool Socket::WriteWait::advance() {
  status_ = connecting_ ? socket_.advance_connect() : socket_.advance_write(pieces_);
  if (status_ == IoStatus::would_block && until_answered_ && socket_.readable_) status_ = IoStatus::answered;
  return status_ != IoStatus::would_block;
}

bool Socket::WriteWait::await_ready() {
  if (socket_.interrupted_) {
    status_ = IoStatus::interrupted;
    return true;
  }
  return advance();
}

void Socket::WriteWait::await_suspend(std::coroutine_handle<> frame) {
  frame_ = frame;
  socket_.writer_ = this;
  if (deadline_ != base::TimePoint::max()) socket_.write_deadline_.arm(socket_.loop_.wheel(), deadline_);
}

}  // namespace headworks::net
