// What a plane implements, and what it is given: one request, one writer. Everything here is loop-owned and lives
// until handle() returns.
#pragma once

#include <sys/uio.h>

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "net/event_loop.hpp"
#include "net/socket.hpp"
#include "net/task.hpp"
#include "wire/head_writer.hpp"
#include "wire/http_head.hpp"

namespace headworks::net {

class ClientSession;

// One request. The head has been judged; the body is read only when the plane asks for it, so that what the head
// alone decides (401, 404, 415) is answered without it.
class Request {
 public:
  explicit Request(ClientSession& session) : session_(session) {}

  const wire::RequestHead& head() const { return head_; }
  EventLoop& loop() const;
  base::TimePoint arrived() const { return arrived_; }  // the head's last byte
  std::string peer() const;                             // the client's address, for the log

  // The whole body, contiguous, with Buffer::kPadding readable bytes behind it. Valid until handle() returns or
  // release(). Answers 100-continue when the client waits for it. Errors: body_too_large, request_timeout,
  // bad_request (framing), client_closed. REQUIRES: called at most once.
  Task<base::Result<std::string_view>> read_body(std::uint64_t limit);

  // Hands the memory of head and body back, once neither is needed any more: a long stream then holds none of it.
  // head() must not be used afterwards.
  void release();

  // Hears that the client left. Null: nobody listens any more. See Socket::watch_peer.
  void watch_client(PeerWatcher* watcher);

 private:
  friend class ClientSession;
  ClientSession& session_;
  wire::RequestHead head_;
  base::TimePoint arrived_{};
};

// The answer. Framing, Connection and their order are the writer's business. After a write that is not `ok` the
// client is gone; the plane just returns.
class ResponseWriter {
 public:
  explicit ResponseWriter(ClientSession& session) : session_(session) {}

  // Starts the head; add fields to what it returns. Replaces a head that was started and not sent.
  wire::HeadWriter start(std::uint16_t status);

  // Sends head and body in one write (a body is left out for HEAD, 204 and 304).
  Socket::WriteWait send(std::string_view body);
  // The answer to HEAD when there is no body to measure: `length` is what GET would have sent, if that is known.
  Socket::WriteWait send_head(std::optional<std::uint64_t> length);

  // Sends the head and the first bytes of a body whose length is `length`, or unknown (chunked; until close for
  // HTTP/1.0). Empty `first` is fine.
  Socket::WriteWait begin(std::uint64_t length, std::string_view first);
  Socket::WriteWait begin_stream(std::string_view first, bool last = false);
  // More of the body, as one chunk where chunks are used. `last` also ends the body.
  Socket::WriteWait write(std::string_view bytes, bool last = false);
  // The end of a chunked body.
  Socket::WriteWait finish() { return write({}, true); }

  // The body cannot be completed: the connection will be closed without its end, so that the client sees the cut.
  void abandon();

  bool head_sent() const { return head_sent_; }
  bool complete() const { return complete_; }
  std::uint16_t status() const { return status_; }
  std::uint64_t body_bytes() const { return body_bytes_; }

 private:
  friend class ClientSession;
  void add(std::string_view bytes);
  void end_head();
  Socket::WriteWait flush();

  ClientSession& session_;
  std::array<iovec, 4> pieces_{};
  std::size_t count_ = 0;
  std::array<char, 24> chunk_size_{};
  std::uint64_t body_bytes_ = 0;
  std::uint16_t status_ = 0;
  std::uint64_t left_ = 0;  // of a body of known length
  enum class Mode : std::uint8_t { whole, length, chunked, until_close } mode_ = Mode::whole;
  bool head_sent_ = false;
  bool complete_ = false;
  bool abandoned_ = false;
};

class Handler {
 public:
  // Answers one request. Must have sent a complete answer, or abandoned it, when it returns; otherwise the session
  // closes the connection. An exception ends this connection only.
  virtual Task<void> handle(Request& request, ResponseWriter& response) = 0;

  // The answer to what never became a request (a broken head, a timeout): head fields and body for `error` on a
  // request whose target is `target` (empty when unknown). Also counts it.
  virtual void refuse(const base::Error& error, std::string_view target, wire::HeadWriter& head, std::string& body) = 0;

 protected:
  ~Handler() = default;
};

}  // namespace headworks::net
