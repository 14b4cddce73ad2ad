// The client side of the house: pooled connections to upstreams, and one call over one of them.
//
// Pooled connections are kept per origin, newest first; one that its upstream closed is seen at once (its loop hears
// the FIN) and never lent again. For the race that remains, UpstreamCall repeats a request once, silently, on a fresh
// connection when a reused one dies before the answer's first byte (RFC 9110 section 9.2.2 allows what cannot have
// been processed; upstreams of this kind close only idle connections).
// Loop-owned, all of it.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/result.hpp"
#include "net/buffer_pool.hpp"
#include "net/resolver.hpp"
#include "net/socket.hpp"
#include "net/tls.hpp"
#include "wire/chunked.hpp"
#include "wire/http_head.hpp"
#include "wire/url.hpp"

namespace headworks::net {

// An upstream's origin, as connections are pooled by it. Made once per backend and snapshot.
struct Endpoint {
  explicit Endpoint(const wire::Url& url) : host(url.host), origin(url.origin()), port(url.port), tls(url.tls) {}
  std::string host;
  std::string origin;
  std::uint16_t port;
  bool tls;
};

struct UpstreamConnection {
  UpstreamConnection(EventLoop& loop, int fd, std::unique_ptr<TlsSession> tls) : socket(loop, fd, std::move(tls)) {}
  Socket socket;
  base::TimePoint idle_since{};
  std::uint32_t uses = 0;
};

class UpstreamClient final : private Timer {
 public:
  UpstreamClient(EventLoop& loop, std::shared_ptr<Resolver> resolver, std::shared_ptr<TlsClientContext> tls);
  ~UpstreamClient() override = default;

  void set_idle_timeout(base::Duration timeout) { idle_timeout_ = timeout; }

  // The most recently used idle connection that is still good; null when there is none.
  std::unique_ptr<UpstreamConnection> take_idle(const Endpoint& endpoint);
  void give_back(const Endpoint& endpoint, std::unique_ptr<UpstreamConnection> connection);

  // A fresh connection, TLS included. `interruptible` is called with whatever can be interrupted at the moment.
  // Kind upstream_connect or upstream_timeout.
  struct Interruptible {
    Sleep* sleep = nullptr;
    Socket* socket = nullptr;
    bool interrupted = false;
    void interrupt() {
      interrupted = true;
      if (sleep != nullptr) sleep->interrupt();
      if (socket != nullptr) socket->interrupt();
    }
  };
  Task<base::Result<std::unique_ptr<UpstreamConnection>>> connect(const Endpoint& endpoint, base::TimePoint deadline,
                                                                  Interruptible& interruptible);

  EventLoop& loop() { return loop_; }
  std::size_t idle_connections() const;

 private:
  static constexpr std::size_t kMaxIdlePerOrigin = 512;
  using IdleList = std::vector<std::unique_ptr<UpstreamConnection>>;

  void on_expired() override;  // once a second while any connection idles: closes the dead and the old

  EventLoop& loop_;
  DnsCache dns_;
  std::shared_ptr<TlsClientContext> tls_;
  base::Duration idle_timeout_ = std::chrono::seconds(30);
  std::unordered_map<std::string, IdleList> idle_;
};

// How a call, or a piece of its body, ended.
enum class CallStatus : std::uint8_t {
  ok,
  would_block,         // poll_body: nothing yet
  end,                 // poll_body: the body is complete
  connect_failed,
  connect_timeout,
  reset,               // closed or reset before the end
  write_timeout,       // the upstream does not take the request
  first_byte_timeout,
  malformed,
  interrupted,
};

// One request and its answer. The head lives until finish(), a piece of the body until the next poll_body().
class UpstreamCall {
 public:
  struct Deadlines {
    base::Duration connect;
    base::Duration write;        // the whole request
    base::Duration first_byte;   // from the request's last byte
    base::TimePoint total;
  };

  UpstreamCall(UpstreamClient& client, const Endpoint& endpoint, const Deadlines& deadlines)
      : client_(client), endpoint_(endpoint), deadlines_(deadlines) {}
  ~UpstreamCall();
  UpstreamCall(const UpstreamCall&) = delete;

  // Called when the request is about to be written, with the loop's time; a second time when a stale connection made
  // us write it again.
  struct OnSending {
    void (*call)(void* context, base::TimePoint now);
    void* context;
  };
  // Sends `head` and `body` (which must stay valid) and reads the final answer's head: at most 8 interim ones are
  // skipped, 101 is malformed. `method` is the request's.
  Task<CallStatus> start(std::string_view head, std::span<const std::string_view> body, std::string_view method,
                         OnSending on_sending);
  const wire::ResponseHead& head() const { return head_; }
  bool length_known() const { return head_.framing == wire::Framing::length || head_.framing == wire::Framing::none; }
  std::uint64_t content_length() const { return head_.framing == wire::Framing::length ? head_.content_length : 0; }

  // The next piece of the body that is here now. ok with a non-empty piece, end, would_block, reset or malformed.
  struct Part {
    CallStatus status = CallStatus::would_block;
    std::string_view bytes;
  };
  Part poll_body();
  // Resumes when poll_body() may have something.
  Socket::ReadWait readable(base::TimePoint deadline) { return connection_->socket.readable(deadline); }

  // Puts the connection back into the pool when the answer was read to its end and nothing follows it.
  void finish();

  // The client left: whatever is waited for ends with `interrupted`, and the connection is closed.
  void interrupt() { interruptible_.interrupt(); }

  bool reused() const { return reused_; }
  base::TimePoint connected_at() const { return connected_at_; }    // epoch 0: not yet
  base::TimePoint first_byte_at() const { return first_byte_at_; }  // epoch 0: not yet
  // Why the connection could not be made, for the log; empty otherwise.
  const std::string& detail() const { return detail_; }

 private:
  Task<CallStatus> open();
  Task<CallStatus> send(std::string_view head, std::span<const std::string_view> body);
  Task<CallStatus> read_head(std::string_view method);
  base::Result<bool> parse_head(std::string_view method);  // true: the final head has been read
  void keep_head();
  Part decode();
  void drop_connection();

  UpstreamClient& client_;
  const Endpoint& endpoint_;
  Deadlines deadlines_;
  UpstreamClient::Interruptible interruptible_;
  std::unique_ptr<UpstreamConnection> connection_;
  Buffer buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  wire::ResponseHead head_;
  std::size_t head_begin_ = 0;  // where its bytes stand in the buffer
  std::size_t head_end_ = 0;
  std::string kept_head_;  // its bytes, once the buffer is needed for the body
  wire::ChunkedDecoder chunked_{wire::ChunkedDecoder::From::upstream};
  std::uint64_t left_ = 0;
  int interim_ = 0;
  bool reused_ = false;
  bool sent_ = false;       // the whole request: else the upstream waits for the rest of it
  bool done_ = false;       // the body's end has been read
  bool malformed_ = false;  // its framing broke
  base::TimePoint connected_at_{};
  base::TimePoint first_byte_at_{};
  std::string detail_;
};

}  // namespace headworks::net
