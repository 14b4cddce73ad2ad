// ClientSession: one client connection, from accept to close. Reads heads under limits and deadlines, hands requests
// to the plane one at a time, frames answers, closes so that the last answer arrives.
//
// Idle it holds no buffer: a few hundred bytes of frame and this object. Loop-owned.
#pragma once

#include <netinet/in.h>

#include <functional>
#include <memory>
#include <string>

#include "net/body_memory.hpp"
#include "net/buffer_pool.hpp"
#include "net/handler.hpp"
#include "net/socket.hpp"
#include "net/tls.hpp"
#include "wire/chunked.hpp"

namespace headworks::net {

// Limits of the client side; from catalog::Settings, held by the listener, read at each request.
struct SessionLimits {
  wire::HeadLimits head;
  std::uint64_t body_bytes = 33'554'432;
  BodyMemory::Limits body_memory;
  base::Duration head_timeout = std::chrono::seconds(10);
  base::Duration body_idle_timeout = std::chrono::seconds(30);
  std::uint32_t body_bytes_per_second = 240;  // on average, once head_timeout has passed; 0: any pace
  base::Duration keep_alive_timeout = std::chrono::seconds(75);
  base::Duration write_timeout = std::chrono::seconds(60);
};

// Who serves a connection on when this process does not any more. Called on the loop; takes over the descriptor.
using Heir = std::function<void(int fd)>;

// What the sessions of one loop and one listener share. Loop-owned.
struct SessionContext {
  EventLoop& loop;
  Handler& handler;
  SessionLimits limits;
  std::shared_ptr<BodyMemory> body_memory;
  bool draining = false;
  Heir heir;  // empty: an idle connection waits here for its next request
  ClientSession* first = nullptr;  // all sessions, for draining
  std::size_t count = 0;
};

class ClientSession {
 public:
  ClientSession(SessionContext& context, int fd, const sockaddr_storage& peer, std::unique_ptr<TlsSession> tls);
  ~ClientSession();
  ClientSession(const ClientSession&) = delete;

  // The whole life of the connection.
  static Task<void> run(std::unique_ptr<ClientSession> session);

  // Closes it now if it waits for a request; otherwise after the answer that is under way.
  void drain();
  // The same where there is an heir: he gets it instead. What is encrypted cannot be given; if nothing was asked on it
  // yet, it is served here.
  void give_when_idle();
  // Continues what another process has served.
  void adopt() { ++requests_; }
  // Whether a request may still begin on it.
  bool may_begin() const { return may_begin_; }

  ClientSession* next = nullptr;  // in SessionContext's list
  ClientSession* previous = nullptr;

 private:
  friend class Request;
  friend class ResponseWriter;

  base::TimePoint body_deadline(base::TimePoint began, std::uint64_t received) const;
  bool give();  // true: the heir has it
  Task<bool> serve_one();  // true: the connection may carry another request
  Task<> refuse(const base::Error& error, std::string_view target);
  Task<> linger();

  // The body of the current request.
  Task<base::Result<std::string_view>> read_body(const wire::RequestHead& head, std::uint64_t limit);
  Task<base::Result<std::string_view>> read_sized_body(std::uint64_t size);
  Task<base::Result<std::string_view>> read_chunked_body(std::uint64_t limit);
  Socket::WriteWait say_continue();
  Task<bool> skip_body(const wire::RequestHead& head);
  bool grow_body(std::uint64_t size, std::size_t used);  // false: there is no room for it now
  void drop_body();
  void release_input();

  IoStatus read_into(Buffer& buffer, std::size_t& end);  // what is there now; ok, would_block, closed, reset
  void compact();  // unused bytes to the front; the buffer goes back when there are none
  base::TimePoint deadline_in(base::Duration time) const { return context_.loop.now() + time; }

  SessionContext& context_;
  Socket socket_;
  Buffer in_;                  // received bytes; [begin_, end_) are not used yet
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  Buffer body_;                // a body that did not fit behind its head
  BodyHold body_hold_;         // its memory, when it is more than a pooled buffer's
  std::string out_head_;       // the answer's head; empty when idle
  std::uint32_t requests_ = 0;
  bool idle_ = true;
  bool may_begin_ = true;
  bool body_done_ = false;     // nothing of the current request's body is left in the stream
  bool stream_broken_ = false; // the position in the stream is lost: close
  bool reset_ = false;         // close by RST
  bool keep_alive_ = true;
  bool http_1_0_ = false;
  bool head_only_ = false;     // the method is HEAD
  bool expects_continue_ = false;
  sockaddr_storage peer_{};
};

}  // namespace headworks::net
