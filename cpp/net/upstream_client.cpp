#include "net/upstream_client.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include <algorithm>
#include <boost/container/small_vector.hpp>
#include <cerrno>
#include <cstring>

namespace headworks::net {
namespace {

using base::ErrorKind;
using base::fail;
using base::Result;

constexpr int kMaxInterim = 8;
constexpr wire::HeadLimits kResponseLimits{.head_bytes = 65'536, .header_count = 200, .target_bytes = 0};

// A non-blocking socket whose connect() is under way; -errno when it failed at once.
int begin_connect(const Address& address) {
  const int fd = ::socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address.storage), address.size) == 0 || errno == EINPROGRESS)
    return fd;
  const int error = errno;
  ::close(fd);
  return -error;
}

}  // namespace

UpstreamClient::UpstreamClient(EventLoop& loop, std::shared_ptr<Resolver> resolver,
                               std::shared_ptr<TlsClientContext> tls)
    : loop_(loop), dns_(loop, std::move(resolver)), tls_(std::move(tls)) {}

std::unique_ptr<UpstreamConnection> UpstreamClient::take_idle(const Endpoint& endpoint) {
  const auto found = idle_.find(endpoint.origin);
  if (found == idle_.end()) return nullptr;
  IdleList& list = found->second;
  while (!list.empty()) {
    std::unique_ptr<UpstreamConnection> connection = std::move(list.back());
    list.pop_back();
    if (connection->socket.quiet()) return connection;
  }
  return nullptr;
}

void UpstreamClient::give_back(const Endpoint& endpoint, std::unique_ptr<UpstreamConnection> connection) {
  IdleList& list = idle_[endpoint.origin];
  if (list.size() >= kMaxIdlePerOrigin) return;
  connection->idle_since = loop_.now();
  list.push_back(std::move(connection));
  if (!armed()) arm(loop_.wheel(), loop_.now() + std::chrono::seconds(1));
}

void UpstreamClient::on_expired() {
  const base::TimePoint oldest = loop_.now() - idle_timeout_;
  for (auto entry = idle_.begin(); entry != idle_.end();) {
    std::erase_if(entry->second, [&](const auto& connection) {
      return !connection->socket.quiet() || connection->idle_since < oldest;
    });
    entry = entry->second.empty() ? idle_.erase(entry) : std::next(entry);
  }
  if (!idle_.empty()) arm(loop_.wheel(), loop_.now() + std::chrono::seconds(1));
}

std::size_t UpstreamClient::idle_connections() const {
  std::size_t count = 0;
  for (const auto& [origin, list] : idle_) count += list.size();
  return count;
}

Task<Result<std::unique_ptr<UpstreamConnection>>> UpstreamClient::connect(const Endpoint& endpoint,
                                                                          base::TimePoint deadline,
                                                                          Interruptible& interruptible) {
  const Result<std::vector<Address>> addresses =
      co_await dns_.resolve(endpoint.host, endpoint.port, deadline, interruptible.sleep);
  if (!addresses) co_return addresses.error();
  std::string detail;
  bool timed_out = false;
  for (std::size_t i = 0; i < addresses->size() && !interruptible.interrupted; ++i) {
    const int fd = begin_connect((*addresses)[i]);
    if (fd < 0) {
      detail = std::strerror(-fd);
      continue;
    }
    // The addresses share what time is left, so that a dead first one does not use up the others' turn.
    const base::Duration slice = (deadline - loop_.now()) / static_cast<std::int64_t>(addresses->size() - i);
    auto connection = std::make_unique<UpstreamConnection>(
        loop_, fd, endpoint.tls ? tls_->make_session(endpoint.host, endpoint.port) : nullptr);
    interruptible.socket = &connection->socket;
    const IoStatus status = co_await connection->socket.connected(loop_.now() + slice);
    interruptible.socket = nullptr;
    if (status == IoStatus::ok) co_return connection;
    timed_out = status == IoStatus::timeout;
    detail = timed_out ? "timed out" : connection->socket.failure();
  }
  if (timed_out) co_return fail(ErrorKind::upstream_timeout, "the upstream did not accept the connection in time", detail);
  co_return fail(ErrorKind::upstream_connect, "the connection to the upstream failed", detail);
}

UpstreamCall::~UpstreamCall() = default;

void UpstreamCall::drop_connection() {
  interruptible_.socket = nullptr;
  connection_.reset();
  buffer_.reset();
  begin_ = end_ = 0;
}

Task<CallStatus> UpstreamCall::open() {
  const base::TimePoint now = client_.loop().now();
  const base::TimePoint deadline = std::min(now + deadlines_.connect, deadlines_.total);
  Result<std::unique_ptr<UpstreamConnection>> connection = co_await client_.connect(endpoint_, deadline, interruptible_);
  if (interruptible_.interrupted) co_return CallStatus::interrupted;
  if (!connection) {
    detail_ = connection.error().message + ": " + connection.error().detail;
    co_return connection.error().kind == ErrorKind::upstream_timeout ? CallStatus::connect_timeout
                                                                     : CallStatus::connect_failed;
  }
  connection_ = std::move(*connection);
  connected_at_ = client_.loop().now();
  co_return CallStatus::ok;
}

Task<CallStatus> UpstreamCall::send(std::string_view head, std::span<const std::string_view> body) {
  boost::container::small_vector<iovec, 8> pieces;
  pieces.push_back({const_cast<char*>(head.data()), head.size()});
  for (const std::string_view piece : body)
    if (!piece.empty()) pieces.push_back({const_cast<char*>(piece.data()), piece.size()});
  interruptible_.socket = &connection_->socket;
  ++connection_->uses;
  const base::TimePoint deadline = std::min(client_.loop().now() + deadlines_.write, deadlines_.total);
  const IoStatus status =
      co_await connection_->socket.write_until_answered(std::span<iovec>(pieces.data(), pieces.size()), deadline);
  sent_ = status == IoStatus::ok;
  switch (status) {
    case IoStatus::ok:
    case IoStatus::answered: co_return CallStatus::ok;
    case IoStatus::interrupted:
    case IoStatus::timeout:
      // A FIN would wait behind what the upstream does not read; a reset tells it now.
      connection_->socket.reset_on_close();
      co_return status == IoStatus::timeout ? CallStatus::write_timeout : CallStatus::interrupted;
    default: break;
  }
  // The upstream may have refused early and closed: its answer can still be there to read.
  co_return connection_->socket.quiet() ? CallStatus::reset : CallStatus::ok;
}

Result<bool> UpstreamCall::parse_head(std::string_view method) {
  for (;;) {
    wire::HeadScanner scanner(wire::HeadScanner::Kind::response, kResponseLimits);
    const Result<std::size_t> size = scanner.scan(buffer_.view(begin_, end_));
    if (!size) return size.error();
    if (*size == 0) return false;
    head_ = {};
    if (auto parsed = wire::parse_response_head(buffer_.view(begin_, begin_ + *size), method, head_); !parsed)
      return parsed.error();
    head_begin_ = begin_;
    head_end_ = begin_ += *size;
    if (head_.status >= 200) break;
    if (head_.status == 101 || ++interim_ > kMaxInterim)
      return fail(ErrorKind::upstream_malformed, "the upstream sent interim answers that were not asked for");
    if (begin_ == end_) return false;
  }
  left_ = head_.content_length;
  done_ = head_.framing == wire::Framing::none || (head_.framing == wire::Framing::length && left_ == 0);
  return true;
}

Task<CallStatus> UpstreamCall::read_head(std::string_view method) {
  EventLoop& loop = client_.loop();
  const base::TimePoint deadline = std::min(loop.now() + deadlines_.first_byte, deadlines_.total);
  for (;;) {
    if (!buffer_) buffer_ = loop.buffers().rent();
    if (end_ == buffer_.capacity()) {
      Buffer larger = loop.buffers().rent(kResponseLimits.head_bytes + 1);
      std::memcpy(larger.data(), buffer_.data(), end_);
      buffer_ = std::move(larger);
    }
    const ReadResult result = connection_->socket.try_read(buffer_.data() + end_, buffer_.capacity() - end_);
    if (result.status == IoStatus::ok) {
      if (first_byte_at_ == base::TimePoint{}) first_byte_at_ = loop.now();
      end_ += result.bytes;
      const Result<bool> complete = parse_head(method);
      if (!complete) {
        detail_ = complete.error().message;
        co_return CallStatus::malformed;
      }
      if (*complete) co_return CallStatus::ok;
      continue;
    }
    if (result.status != IoStatus::would_block) co_return CallStatus::reset;
    if (end_ == 0) buffer_.reset();  // a waiting call holds none
    const IoStatus waited = co_await connection_->socket.readable(deadline);
    switch (waited) {
      case IoStatus::ok: break;
      case IoStatus::timeout: co_return CallStatus::first_byte_timeout;
      case IoStatus::interrupted: co_return CallStatus::interrupted;
      default: co_return CallStatus::reset;
    }
  }
}

Task<CallStatus> UpstreamCall::start(std::string_view head, std::span<const std::string_view> body,
                                     std::string_view method, OnSending on_sending) {
  connection_ = client_.take_idle(endpoint_);
  reused_ = connection_ != nullptr;
  for (;;) {
    if (connection_ == nullptr) {
      const CallStatus opened = co_await open();
      if (opened != CallStatus::ok) co_return opened;
    }
    on_sending.call(on_sending.context, client_.loop().now());
    CallStatus status = co_await send(head, body);
    if (status == CallStatus::ok) status = co_await read_head(method);
    // A reused connection that died before a byte of the answer: the upstream closed it while our request was on its
    // way. Once more, on a fresh one; the client never hears of it.
    if (status == CallStatus::reset && reused_ && end_ == 0) {
      drop_connection();
      reused_ = false;
      continue;
    }
    if (status != CallStatus::ok) drop_connection();
    co_return status;
  }
}

// Most answers come in one piece, and then nothing is copied. When the body comes later it needs the buffer, and the
// head moves out.
void UpstreamCall::keep_head() {
  if (head_begin_ == head_end_) return;
  const char* const from = buffer_.data() + head_begin_;
  kept_head_.assign(from, head_end_ - head_begin_);
  const auto move = [&](std::string_view& view) { view = {kept_head_.data() + (view.data() - from), view.size()}; };
  for (wire::Field& field : head_.fields) move(field.name), move(field.value);
  head_begin_ = head_end_ = 0;
}

// The content of what is buffered, as one contiguous piece: later chunks are moved up to the first one's end.
UpstreamCall::Part UpstreamCall::decode() {
  if (head_.framing == wire::Framing::until_close) {
    const std::string_view bytes = buffer_.view(begin_, end_);
    begin_ = end_;
    return {CallStatus::ok, bytes};
  }
  if (head_.framing == wire::Framing::length) {
    const std::size_t size = std::min<std::uint64_t>(left_, end_ - begin_);
    const std::string_view bytes = buffer_.view(begin_, begin_ + size);
    begin_ += size;
    left_ -= size;
    done_ = left_ == 0;
    return {CallStatus::ok, bytes};
  }
  char* content = nullptr;
  std::size_t content_size = 0;
  while (begin_ < end_ && !done_) {
    const auto step = chunked_.next(buffer_.view(begin_, end_));
    if (!step) {
      detail_ = step.error().message;
      malformed_ = true;  // told once what came before it has been handed out
      break;
    }
    if (!step->payload.empty()) {
      char* payload = buffer_.data() + (step->payload.data() - buffer_.data());
      if (content == nullptr) content = payload;
      if (content + content_size != payload) std::memmove(content + content_size, payload, step->payload.size());
      content_size += step->payload.size();
    }
    begin_ += step->consumed;
    done_ = step->done;
  }
  if (content_size > 0) return {CallStatus::ok, {content, content_size}};
  if (malformed_) return {CallStatus::malformed, {}};
  return {done_ ? CallStatus::end : CallStatus::would_block, {}};
}

UpstreamCall::Part UpstreamCall::poll_body() {
  for (;;) {
    if (done_) return {CallStatus::end, {}};
    if (malformed_) return {CallStatus::malformed, {}};
    if (begin_ < end_) {
      const Part part = decode();
      if (part.status != CallStatus::would_block) return part;
    }
    keep_head();
    begin_ = end_ = 0;
    if (interruptible_.interrupted) return {CallStatus::interrupted, {}};
    if (!buffer_) buffer_ = client_.loop().buffers().rent();
    const ReadResult result = connection_->socket.try_read(buffer_.data(), buffer_.capacity());
    if (result.status == IoStatus::ok) {
      end_ = result.bytes;
      continue;
    }
    buffer_.reset();
    if (result.status == IoStatus::would_block) return {CallStatus::would_block, {}};
    if (result.status == IoStatus::closed && head_.framing == wire::Framing::until_close) {
      done_ = true;
      return {CallStatus::end, {}};
    }
    return {CallStatus::reset, {}};
  }
}

void UpstreamCall::finish() {
  if (connection_ == nullptr) return;
  const bool reusable = sent_ && done_ && begin_ == end_ && head_.keep_alive && connection_->socket.quiet();
  interruptible_.socket = nullptr;
  if (reusable) client_.give_back(endpoint_, std::move(connection_));
  drop_connection();
}

}  // namespace headworks::net
