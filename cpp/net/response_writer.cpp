// Request and ResponseWriter: what a plane sees of a ClientSession.
#include <arpa/inet.h>

#include "net/client_session.hpp"

namespace headworks::net {

EventLoop& Request::loop() const { return session_.context_.loop; }

std::string Request::peer() const {
  char text[INET6_ADDRSTRLEN] = "";
  const sockaddr_storage& peer = session_.peer_;
  if (peer.ss_family == AF_INET)
    ::inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in&>(peer).sin_addr, text, sizeof text);
  if (peer.ss_family == AF_INET6)
    ::inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6&>(peer).sin6_addr, text, sizeof text);
  return text;
}

Task<base::Result<std::string_view>> Request::read_body(std::uint64_t limit) { return session_.read_body(head_, limit); }

void Request::release() { session_.release_input(); }

void Request::watch_client(PeerWatcher* watcher) { session_.socket_.watch_peer(watcher); }

wire::HeadWriter ResponseWriter::start(std::uint16_t status) {
  status_ = status;
  session_.out_head_.clear();
  if (session_.out_head_.capacity() < 512) session_.out_head_ = session_.context_.loop.texts().rent(512);
  wire::HeadWriter head(session_.out_head_);
  head.status_line(status);
  return head;
}

void ResponseWriter::add(std::string_view bytes) {
  if (bytes.empty()) return;
  pieces_[count_++] = iovec{const_cast<char*>(bytes.data()), bytes.size()};
}

void ResponseWriter::end_head() {
  wire::HeadWriter head(session_.out_head_);
  if (!session_.keep_alive_ || session_.context_.draining) {
    session_.keep_alive_ = false;
    head.lines("connection: close\r\n");
  }
  head.end();
  count_ = 0;
  add(session_.out_head_);
  head_sent_ = true;
}

Socket::WriteWait ResponseWriter::flush() {
  const std::size_t count = std::exchange(count_, 0);
  return session_.socket_.write(std::span<iovec>(pieces_.data(), count),
                                session_.deadline_in(session_.context_.limits.write_timeout));
}

Socket::WriteWait ResponseWriter::send(std::string_view body) {
  wire::HeadWriter head(session_.out_head_);
  const bool bodyless = status_ == 204 || status_ == 304;
  if (!bodyless) head.field("content-length", body.size());
  end_head();
  if (!bodyless && !session_.head_only_) {
    add(body);
    body_bytes_ = body.size();
  }
  complete_ = true;
  return flush();
}

Socket::WriteWait ResponseWriter::send_head(std::optional<std::uint64_t> length) {
  if (length) wire::HeadWriter(session_.out_head_).field("content-length", *length);
  end_head();
  complete_ = true;
  return flush();
}

Socket::WriteWait ResponseWriter::begin(std::uint64_t length, std::string_view first) {
  wire::HeadWriter head(session_.out_head_);
  head.field("content-length", length);
  mode_ = Mode::length;
  left_ = length;
  end_head();
  return write(first);
}

Socket::WriteWait ResponseWriter::begin_stream(std::string_view first, bool last) {
  mode_ = session_.http_1_0_ ? Mode::until_close : Mode::chunked;
  if (mode_ == Mode::chunked) {
    wire::HeadWriter(session_.out_head_).lines("transfer-encoding: chunked\r\n");
  } else {
    session_.keep_alive_ = false;  // the end of the connection is the end of the body
  }
  end_head();
  return write(first, last);
}

Socket::WriteWait ResponseWriter::write(std::string_view bytes, bool last) {
  body_bytes_ += bytes.size();
  if (mode_ == Mode::length) {
    left_ -= std::min<std::uint64_t>(left_, bytes.size());
    last = left_ == 0;
  }
  complete_ = last;
  if (session_.head_only_) return flush();
  if (mode_ != Mode::chunked) {
    add(bytes);
    return flush();
  }
  if (!bytes.empty()) {
    const char* end = wire::format_chunk_size(chunk_size_.data(), bytes.size());
    add({chunk_size_.data(), static_cast<std::size_t>(end - chunk_size_.data())});
    add(bytes);
    add(last ? "\r\n0\r\n\r\n" : "\r\n");
  } else if (last) {
    add("0\r\n\r\n");
  }
  return flush();
}

void ResponseWriter::abandon() {
  abandoned_ = true;
  session_.keep_alive_ = false;
}

}  // namespace headworks::net
