// The three system calls of every request, made directly: glibc's own wrappers are cancellation points (POSIX), which
// costs two atomic operations and a check around each, and no thread of ours is ever cancelled.
//
// As recv(2), sendmsg(2) and epoll_wait(2): -1 and errno when they fail.
#pragma once

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstddef>

namespace headworks::net {

inline ssize_t receive(int fd, char* data, std::size_t size) {
  return ::syscall(SYS_recvfrom, fd, data, size, 0, nullptr, nullptr);
}

inline ssize_t send_message(int fd, const msghdr& message, int flags) { return ::syscall(SYS_sendmsg, fd, &message, flags); }

// timeout: milliseconds; -1: none.
inline int wait_for_events(int epoll, epoll_event* events, int most, int timeout) {
  return static_cast<int>(::syscall(SYS_epoll_pwait, epoll, events, most, timeout, nullptr, std::size_t{8}));
}

}  // namespace headworks::net
