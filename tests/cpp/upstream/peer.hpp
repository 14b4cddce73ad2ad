// The other end of the upstream's tests.
#pragma once

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace headworks::upstream {

// A blocking client that knows nothing of HTTP but where a sized answer ends.
class Peer {
 public:
  explicit Peer(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected = ::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    const timeval patience{.tv_sec = 5, .tv_usec = 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  }
  ~Peer() { close(); }
  Peer(const Peer&) = delete;

  void send(std::string_view bytes) const { ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL); }
  void post(std::string_view path, std::string_view body, std::string_view headers = "") const {
    send("POST " + std::string(path) + " HTTP/1.1\r\nhost: x\r\n" + std::string(headers) +
         "content-length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body));
  }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }

  // Until the peer closes; `reset` says how it did.
  std::string read_all() {
    std::string out;
    while (read_some(out)) {
    }
    return out;
  }
  // Until `enough` is there.
  std::string read_until(std::string_view enough) {
    std::string out;
    while (out.find(enough) == std::string::npos && read_some(out)) {
    }
    return out;
  }
  // One answer with a content-length.
  std::string read_answer() {
    std::string out = read_until("\r\n\r\n");
    const std::size_t length = out.find("content-length: ");
    if (length == std::string::npos) return out;
    const std::size_t whole = out.find("\r\n\r\n") + 4 + std::stoul(out.substr(length + 16));
    while (out.size() < whole && read_some(out)) {
    }
    return out;
  }
  bool silent_for(int ms) const {
    pollfd one{.fd = fd_, .events = POLLIN, .revents = 0};
    return ::poll(&one, 1, ms) == 0;
  }

  bool connected = false;
  bool reset = false;

 private:
  bool read_some(std::string& out) {
    char buffer[65'536];
    const ssize_t size = ::recv(fd_, buffer, sizeof buffer, 0);
    if (size < 0) reset = errno == ECONNRESET;
    if (size <= 0) return false;
    out.append(buffer, static_cast<std::size_t>(size));
    return true;
  }
  int fd_;
};

}  // namespace headworks::upstream
