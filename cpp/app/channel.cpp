#include "app/channel.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace headworks::app {
namespace {

constexpr std::size_t kMostBytes = 4096;  // of a word

using Control = std::array<char, CMSG_SPACE(sizeof(int) * Channel::kMostDescriptors)>;

}  // namespace

Channel::Channel(Channel&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

Channel& Channel::operator=(Channel&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

Channel::~Channel() {
  if (fd_ >= 0) ::close(fd_);
}

std::array<int, 2> Channel::make_pair() {
  std::array<int, 2> ends{-1, -1};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) ends = {-1, -1};
  return ends;
}

bool Channel::say(std::string_view word, std::span<const int> descriptors) {
  word = word.substr(0, kMostBytes);
  iovec piece{.iov_base = const_cast<char*>(word.data()), .iov_len = word.size()};
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  alignas(cmsghdr) Control control{};
  if (!descriptors.empty()) {
    message.msg_control = control.data();
    message.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(descriptors.size_bytes());
    std::memcpy(CMSG_DATA(header), descriptors.data(), descriptors.size_bytes());
  }
  ssize_t sent = -1;
  do {
    sent = ::sendmsg(fd_, &message, MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  return sent == static_cast<ssize_t>(word.size());
}

std::optional<Channel::Heard> Channel::hear(base::Duration limit, const std::function<bool()>& is_over) {
  constexpr base::Duration kTurn = std::chrono::milliseconds{100};
  const auto deadline = std::chrono::steady_clock::now() + limit;
  pollfd ready{.fd = fd_, .events = POLLIN, .revents = 0};
  for (;;) {
    const base::Duration left = std::min<base::Duration>(deadline - std::chrono::steady_clock::now(), kTurn);
    if (left < base::Duration::zero() || is_over()) return std::nullopt;
    const auto ms = std::chrono::ceil<std::chrono::milliseconds>(left).count();
    if (::poll(&ready, 1, static_cast<int>(ms)) > 0) break;
  }
  Heard heard;
  heard.word.resize(kMostBytes);
  iovec piece{.iov_base = heard.word.data(), .iov_len = heard.word.size()};
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  alignas(cmsghdr) Control control{};
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  ssize_t size = -1;
  do {
    size = ::recvmsg(fd_, &message, MSG_CMSG_CLOEXEC);
  } while (size < 0 && errno == EINTR);
  if (size <= 0) return std::nullopt;
  heard.word.resize(static_cast<std::size_t>(size));
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    heard.descriptors.resize((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
    std::memcpy(heard.descriptors.data(), CMSG_DATA(header), heard.descriptors.size() * sizeof(int));
  }
  return heard;
}

void Channel::end() {
  if (fd_ >= 0) ::shutdown(fd_, SHUT_RDWR);
}

}  // namespace headworks::app
