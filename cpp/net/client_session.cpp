#include "net/client_session.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace headworks::net {
namespace {

using base::ErrorKind;
using base::fail;
using base::Result;

// What we read and throw away of an unwanted body, so that the connection (or at least the answer) survives it.
constexpr std::size_t kSkipBytes = 65'536;
constexpr std::size_t kLingerBytes = 1'048'576;  // who is still sending reads the answer only once all was taken
constexpr base::Duration kLinger = std::chrono::seconds(2);

constexpr std::array<std::string_view, 7> kMethods = {"POST", "GET", "HEAD", "DELETE", "PUT", "PATCH", "OPTIONS"};

base::Error no_room() {
  base::Error error = fail(ErrorKind::overloaded, "other requests' bodies hold the memory that is meant for them; try again");
  error.retry_after = std::chrono::seconds(1);
  return error;
}

base::Error client_left() { return fail(ErrorKind::client_closed, "the client closed the connection"); }

}  // namespace

ClientSession::ClientSession(SessionContext& context, int fd, const sockaddr_storage& peer,
                             std::unique_ptr<TlsSession> tls)
    : context_(context),
      socket_(context.loop, fd, std::move(tls)),
      body_hold_(*context.body_memory),
      peer_(peer) {
  next = context_.first;
  if (next != nullptr) next->previous = this;
  context_.first = this;
  ++context_.count;
}

ClientSession::~ClientSession() {
  if (next != nullptr) next->previous = previous;
  if (previous != nullptr) previous->next = next;
  if (context_.first == this) context_.first = next;
  context_.loop.texts().take_back(std::move(out_head_));
  --context_.count;
}

void ClientSession::drain() {
  if (idle_) socket_.interrupt();
}

void ClientSession::give_when_idle() {
  if (idle_ && (!socket_.encrypted() || requests_ > 0)) socket_.interrupt();
}

bool ClientSession::give() {
  if (!context_.heir || socket_.encrypted()) return false;
  context_.heir(socket_.release());
  return true;
}

Task<> ClientSession::run(std::unique_ptr<ClientSession> session) {
  ClientSession& self = *session;
  if (self.socket_.encrypted()) {
    const base::TimePoint deadline = self.deadline_in(self.context_.limits.head_timeout);
    const IoStatus status = co_await self.socket_.connected(deadline);
    if (status != IoStatus::ok) co_return;
  }
  for (;;) {
    if (self.end_ == 0) {
      if (self.give()) co_return;
      // The first request must come as fast as a head; later ones may take their time.
      const auto& limits = self.context_.limits;
      const auto patience = self.requests_ == 0 ? limits.head_timeout : limits.keep_alive_timeout;
      const IoStatus status = co_await self.socket_.readable(self.deadline_in(patience));
      if (status == IoStatus::interrupted && self.give()) co_return;
      if (status != IoStatus::ok) co_return;
    }
    self.idle_ = false;
    const bool keep = co_await self.serve_one();
    if (!keep) break;
    self.compact();
    self.idle_ = true;
    if (self.context_.draining) break;
    self.may_begin_ = true;
  }
  co_await self.linger();
}

IoStatus ClientSession::read_into(Buffer& buffer, std::size_t& end) {
  const ReadResult result = socket_.try_read(buffer.data() + end, buffer.capacity() - end);
  if (result.status == IoStatus::ok) end += result.bytes;
  return result.status;
}

void ClientSession::compact() {
  if (begin_ == end_) {
    in_.reset();
    begin_ = end_ = 0;
    context_.loop.texts().take_back(std::move(out_head_));
    return;
  }
  if (begin_ == 0) return;
  std::memmove(in_.data(), in_.data() + begin_, end_ - begin_);
  end_ -= begin_;
  begin_ = 0;
}

Task<bool> ClientSession::serve_one() {
  ++requests_;
  const SessionLimits& limits = context_.limits;
  wire::HeadScanner scanner(wire::HeadScanner::Kind::request, limits.head);
  const base::TimePoint deadline = deadline_in(limits.head_timeout);
  std::size_t head_size = 0;
  for (;;) {
    if (end_ > 0) {
      const Result<std::size_t> size = scanner.scan(in_.view(0, end_));
      if (!size) {
        const base::Error error = size.error();
        co_await refuse(error, {});
        co_return false;
      }
      head_size = *size;
      if (head_size != 0) break;
    }
    if (!in_) in_ = context_.loop.buffers().rent();
    if (end_ == in_.capacity()) {
      Buffer larger = context_.loop.buffers().rent(limits.head.head_bytes + 1);
      std::memcpy(larger.data(), in_.data(), end_);
      in_ = std::move(larger);
    }
    IoStatus status = read_into(in_, end_);
    if (status == IoStatus::would_block) {
      status = co_await socket_.readable(deadline);
      if (status == IoStatus::ok) continue;
    }
    if (status == IoStatus::ok) continue;
    if (status == IoStatus::timeout && end_ > 0) {
      const base::Error error = fail(ErrorKind::request_timeout, "the request head did not arrive in time");
      co_await refuse(error, {});
    }
    co_return false;
  }

  Request request(*this);
  request.arrived_ = context_.loop.now();
  if (auto parsed = wire::parse_request_head(in_.view(0, head_size), request.head_); !parsed) {
    const base::Error error = parsed.error();
    co_await refuse(error, {});
    co_return false;
  }
  begin_ = head_size;
  const wire::RequestHead& head = request.head_;
  http_1_0_ = head.http_1_0;
  head_only_ = head.method == "HEAD";
  keep_alive_ = head.keep_alive;
  expects_continue_ = head.expect_continue;
  body_done_ = head.framing == wire::Framing::none || (head.framing == wire::Framing::length && head.content_length == 0);
  stream_broken_ = false;
  if (std::find(kMethods.begin(), kMethods.end(), head.method) == kMethods.end()) {
    const base::Error error = fail(ErrorKind::method_not_allowed, "the method is not known here");
    co_await refuse(error, head.path());
    co_return false;
  }
  if (head.framing == wire::Framing::length && head.content_length > limits.body_bytes) {
    const base::Error error = fail(ErrorKind::body_too_large, "the request body is larger than limits.body_bytes");
    co_await refuse(error, head.path());
    co_return false;
  }

  may_begin_ = false;
  ResponseWriter response(*this);
  co_await context_.handler.handle(request, response);
  socket_.watch_peer(nullptr);
  drop_body();
  if (!response.complete() || response.abandoned_) {
    // Where the end of the connection is the end of the body, only a reset says that it was cut.
    reset_ = response.mode_ == ResponseWriter::Mode::until_close;
    stream_broken_ = true;
    co_return false;
  }
  if (!keep_alive_ || context_.draining || socket_.interrupted()) co_return false;
  if (!body_done_) {
    const bool skipped = co_await skip_body(head);
    co_return skipped;
  }
  co_return true;
}

Task<> ClientSession::refuse(const base::Error& error, std::string_view target) {
  std::string body;
  may_begin_ = false;
  keep_alive_ = false;
  stream_broken_ = true;
  ResponseWriter response(*this);
  wire::HeadWriter head = response.start(base::row_of(error.kind).status);
  context_.handler.refuse(error, target, head, body);
  co_await response.send(body);
}

// Our answer may still be on its way: closing with unread input would destroy it (RST). So: our FIN first, then read
// what the client still sends, within bounds.
Task<> ClientSession::linger() {
  if (reset_) socket_.reset_on_close();
  if (reset_ || (!stream_broken_ && body_done_ && begin_ == end_)) co_return;
  socket_.shutdown_write();
  const base::TimePoint deadline = deadline_in(kLinger);
  if (!in_) in_ = context_.loop.buffers().rent();
  for (std::size_t total = 0; total < kLingerBytes;) {
    const ReadResult result = socket_.try_read(in_.data(), in_.capacity());
    total += result.bytes;
    IoStatus status = result.status;
    if (status == IoStatus::would_block) status = co_await socket_.readable(deadline);
    if (status != IoStatus::ok) co_return;
  }
}

void ClientSession::release_input() {
  drop_body();
  if (begin_ == end_ && body_done_) {
    in_.reset();
    begin_ = end_ = 0;
  }
}

Socket::WriteWait ClientSession::say_continue() {
  return socket_.write("HTTP/1.1 100 Continue\r\n\r\n", deadline_in(context_.limits.write_timeout));
}

Task<Result<std::string_view>> ClientSession::read_body(const wire::RequestHead& head, std::uint64_t limit) {
  if (body_done_) co_return std::string_view{};
  if (head.framing == wire::Framing::length) {
    if (head.content_length > limit)
      co_return fail(ErrorKind::body_too_large, "the request body is larger than it may be");
    co_return co_await read_sized_body(head.content_length);
  }
  co_return co_await read_chunked_body(limit);
}

// Bytes that trickle keep nobody's place for ever.
base::TimePoint ClientSession::body_deadline(base::TimePoint began, std::uint64_t received) const {
  const SessionLimits& limits = context_.limits;
  const base::TimePoint idle = deadline_in(limits.body_idle_timeout);
  if (limits.body_bytes_per_second == 0) return idle;
  const std::chrono::duration<double> earned(static_cast<double>(received) / limits.body_bytes_per_second);
  return std::min(idle, began + limits.head_timeout + std::chrono::duration_cast<base::Duration>(earned));
}

bool ClientSession::grow_body(std::uint64_t size, std::size_t used) {
  if (size > BufferPool::kLarge && !body_hold_.grow_to(size, context_.limits.body_memory)) {
    keep_alive_ = false;
    return false;
  }
  Buffer larger = context_.loop.buffers().rent(size);
  if (used > 0) std::memcpy(larger.data(), body_.data(), used);
  body_ = std::move(larger);
  return true;
}

void ClientSession::drop_body() {
  body_.reset();
  body_hold_.release();
}

Task<Result<std::string_view>> ClientSession::read_sized_body(std::uint64_t size) {
  const std::size_t arrived = std::min<std::size_t>(end_ - begin_, size);
  Buffer* buffer = &in_;
  std::size_t start = begin_;
  std::size_t end = end_;
  if (begin_ + size > in_.capacity()) {
    if (!grow_body(size, 0)) co_return no_room();
    std::memcpy(body_.data(), in_.data() + begin_, arrived);
    begin_ = end_;
    buffer = &body_;
    start = 0;
    end = arrived;
  }
  if (expects_continue_ && arrived == 0) {
    const IoStatus said = co_await say_continue();
    if (said != IoStatus::ok) co_return client_left();
  }
  const base::TimePoint began = context_.loop.now();
  while (end - start < size) {
    // Into the body's own buffer no byte more is read than belongs to it.
    const std::size_t room = buffer == &in_ ? buffer->capacity() - end : start + size - end;
    const ReadResult result = socket_.try_read(buffer->data() + end, room);
    if (result.status == IoStatus::ok) {
      end += result.bytes;
      continue;
    }
    IoStatus status = result.status;
    if (status == IoStatus::would_block) status = co_await socket_.readable(body_deadline(began, end - start));
    if (status == IoStatus::ok) continue;
    stream_broken_ = true;
    if (status == IoStatus::timeout) co_return fail(ErrorKind::request_timeout, "the request body did not arrive in time");
    co_return client_left();
  }
  body_done_ = true;
  if (buffer == &in_) {
    begin_ = start + size;
    end_ = end;
  }
  co_return std::string_view(buffer->data() + start, size);
}

Task<Result<std::string_view>> ClientSession::read_chunked_body(std::uint64_t limit) {
  wire::ChunkedDecoder decoder(wire::ChunkedDecoder::From::client);
  const std::size_t refill = begin_;  // the space behind the head is used again and again
  body_ = context_.loop.buffers().rent();
  std::size_t size = 0;
  stream_broken_ = true;  // until the end has been seen
  if (expects_continue_ && begin_ == end_) {
    const IoStatus said = co_await say_continue();
    if (said != IoStatus::ok) co_return client_left();
  }
  if (in_.capacity() - refill < 1024) {
    // The head fills the buffer (its views must stay): decode from a buffer of its own, at the cost of pipelining.
    co_return fail(ErrorKind::headers_too_large, "a chunked body needs a smaller head");
  }
  const base::TimePoint began = context_.loop.now();
  for (;;) {
    while (begin_ < end_) {
      const auto step = decoder.next(in_.view(begin_, end_));
      if (!step) co_return step.error();
      begin_ += step->consumed;
      if (size + step->payload.size() > limit)
        co_return fail(ErrorKind::body_too_large, "the request body is larger than limits.body_bytes");
      if (size + step->payload.size() > body_.capacity() &&
          !grow_body(std::min<std::uint64_t>(limit, 2 * (size + step->payload.size())), size))
        co_return no_room();
      if (!step->payload.empty()) std::memcpy(body_.data() + size, step->payload.data(), step->payload.size());
      size += step->payload.size();
      if (step->done) {
        stream_broken_ = false;
        body_done_ = true;
        co_return std::string_view(body_.data(), size);
      }
    }
    begin_ = end_ = refill;
    IoStatus status = read_into(in_, end_);
    if (status == IoStatus::would_block) status = co_await socket_.readable(body_deadline(began, size));
    if (status == IoStatus::ok) continue;
    if (status == IoStatus::timeout) co_return fail(ErrorKind::request_timeout, "the request body did not arrive in time");
    co_return client_left();
  }
}

// After an answer that did not need the body: a small one is read past, so that the connection can be used again.
Task<bool> ClientSession::skip_body(const wire::RequestHead& head) {
  if (stream_broken_ || expects_continue_ || head.framing != wire::Framing::length || head.content_length > kSkipBytes)
    co_return false;
  const Result<std::string_view> body = co_await read_sized_body(head.content_length);
  drop_body();
  co_return body.has_value();
}

}  // namespace headworks::net
