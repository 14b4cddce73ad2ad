// Socket: a connected, non-blocking TCP stream of one event loop, plain or TLS.
//
// Reads are split in two so that a waiting connection needs no buffer: `co_await readable(deadline)`, then rent a
// buffer and `try_read`. Writes gather: `co_await write(pieces, deadline)` returns when everything was handed to the
// kernel, and suspends only when the peer does not keep up (back-pressure).
//
// Loop-owned, neither copyable nor movable. At most one reader and one writer wait at a time.
#pragma once

#include <sys/uio.h>

#include <coroutine>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "net/event_loop.hpp"
#include "net/timer_wheel.hpp"

namespace headworks::net {

class TlsSession;  // tls.hpp

enum class IoStatus : std::uint8_t {
  ok,
  would_block,  // try_read only: nothing to read now
  closed,       // the peer ended its side in order (FIN; with TLS: close_notify)
  reset,        // RST, a broken TLS record, an end without close_notify, any other error
  timeout,      // the deadline came first
  interrupted,  // interrupt() was called
  answered,     // write_until_answered only
};

struct ReadResult {
  IoStatus status = IoStatus::ok;
  std::size_t bytes = 0;
};

// Hears that the peer will write nothing more (FIN or RST), while nobody reads. For "the client left".
class PeerWatcher {
 public:
  virtual void on_peer_closed() = 0;

 protected:
  ~PeerWatcher() = default;
};

class Socket final : private Pollable {
 public:
  // Takes over a non-blocking descriptor. `tls` (or null) encrypts from the first byte; see handshake().
  Socket(EventLoop& loop, int fd, std::unique_ptr<TlsSession> tls = nullptr);
  ~Socket();
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  // What a waiting coroutine holds on to; made by the functions below, awaited at once.
  class ReadWait;
  class WriteWait;

  // Resumes with ok when try_read may have something (data or the end), else timeout or interrupted.
  ReadWait readable(base::TimePoint deadline);

  // Reads what is there, without waiting. ok with bytes > 0, would_block, closed or reset.
  ReadResult try_read(char* data, std::size_t size);

  // Writes all of `pieces`, which must stay valid until it returns and are consumed (moved forward) as it goes.
  // ok, reset, timeout or interrupted; after anything but ok the stream is out of step: close it.
  WriteWait write(std::span<iovec> pieces, base::TimePoint deadline);
  WriteWait write(std::string_view bytes, base::TimePoint deadline);

  // As write(), but gives up with `answered` as soon as the peer has sent something: an upstream that refuses a body
  // does so before it has read all of it.
  WriteWait write_until_answered(std::span<iovec> pieces, base::TimePoint deadline);

  // Completes the connect() or the TLS handshake, whichever is pending.
  WriteWait connected(base::TimePoint deadline);

  // Wakes whoever waits with `interrupted`; from now on every wait answers that. For the client that left.
  void interrupt();
  bool interrupted() const { return interrupted_; }

  // Called once when the peer closes; at once (from the next turn on) if it already has. Null: nobody listens.
  void watch_peer(PeerWatcher* watcher);
  bool peer_closed() const { return peer_closed_; }

  // Gives the descriptor to the caller, as if nothing had been read from it since the last try_read. Nothing may be
  // done with the socket afterwards. REQUIRES that it is not encrypted and nobody waits for it.
  int release();

  bool encrypted() const { return tls_ != nullptr; }
  // Nothing to read, nothing broken: a pooled connection that may be used again.
  bool quiet() const { return !readable_ && !peer_closed_ && !interrupted_; }

  // Why connected() failed, for the log.
  std::string failure() const;

  // Ends our side in order: FIN (with TLS: close_notify first). What was written still arrives.
  void shutdown_write();
  // Makes the close an RST: the peer must not take what it got for complete.
  void reset_on_close();

  EventLoop& loop() { return loop_; }
  int fd() const { return fd_; }

 private:
  friend class ReadWait;
  friend class WriteWait;

  struct Deadline final : Timer {
    explicit Deadline(Socket& owner, bool is_read) : socket(owner), read(is_read) {}
    void on_expired() override { socket.on_deadline(read); }
    Socket& socket;
    bool read;
  };

  void on_ready(Readiness readiness) override;
  void on_deadline(bool read);
  void wake_reader(IoStatus status);
  void wake_writer(IoStatus status);
  // Writes as much as goes; would_block when some is left.
  IoStatus advance_write(std::span<iovec>& pieces);
  IoStatus advance_connect();

  EventLoop& loop_;
  int fd_;
  std::unique_ptr<TlsSession> tls_;
  int connect_error_ = 0;  // errno of the last failed connect
  bool readable_ = false;
  bool writable_ = true;
  bool peer_closed_ = false;
  bool interrupted_ = false;
  ReadWait* reader_ = nullptr;
  WriteWait* writer_ = nullptr;
  PeerWatcher* watcher_ = nullptr;
  Deadline read_deadline_{*this, true};
  Deadline write_deadline_{*this, false};
};

class Socket::ReadWait {
 public:
  ReadWait(Socket& socket, base::TimePoint deadline) : socket_(socket), deadline_(deadline) {}
  ReadWait(const ReadWait&) = delete;
  ~ReadWait();
  bool await_ready() const { return socket_.readable_ || socket_.interrupted_; }
  void await_suspend(std::coroutine_handle<> frame);
  IoStatus await_resume() {
    queued_ = false;
    return socket_.interrupted_ ? IoStatus::interrupted : status_;
  }

 private:
  friend class Socket;
  Socket& socket_;
  base::TimePoint deadline_;
  std::coroutine_handle<> frame_;
  IoStatus status_ = IoStatus::ok;
  bool queued_ = false;  // its wake-up stands in the loop's queue
};

class Socket::WriteWait {
 public:
  WriteWait(Socket& socket, std::span<iovec> pieces, base::TimePoint deadline, bool connecting = false,
            bool until_answered = false)
      : socket_(socket),
        pieces_(pieces),
        deadline_(deadline),
        connecting_(connecting),
        until_answered_(until_answered) {}
  WriteWait(Socket& socket, std::string_view bytes, base::TimePoint deadline)
      : socket_(socket),
        single_{const_cast<char*>(bytes.data()), bytes.size()},
        pieces_(&single_, 1),
        deadline_(deadline) {}
  WriteWait(const WriteWait&) = delete;
  ~WriteWait();
  bool await_ready();
  void await_suspend(std::coroutine_handle<> frame);
  IoStatus await_resume() {
    queued_ = false;
    return status_;
  }

 private:
  friend class Socket;
  bool advance();  // true when finished, with status_ set
  Socket& socket_;
  iovec single_{};
  std::span<iovec> pieces_;
  base::TimePoint deadline_;
  std::coroutine_handle<> frame_;
  IoStatus status_ = IoStatus::ok;
  bool connecting_ = false;
  bool until_answered_ = false;
  bool queued_ = false;
};

inline Socket::ReadWait Socket::readable(base::TimePoint deadline) { return ReadWait(*this, deadline); }
inline Socket::WriteWait Socket::write(std::span<iovec> pieces, base::TimePoint deadline) {
  return WriteWait(*this, pieces, deadline);
}
inline Socket::WriteWait Socket::write(std::string_view bytes, base::TimePoint deadline) {
  return WriteWait(*this, bytes, deadline);
}
inline Socket::WriteWait Socket::write_until_answered(std::span<iovec> pieces, base::TimePoint deadline) {
  return WriteWait(*this, pieces, deadline, false, true);
}
inline Socket::WriteWait Socket::connected(base::TimePoint deadline) {
  return WriteWait(*this, std::span<iovec>{}, deadline, true);
}

}  // namespace headworks::net
