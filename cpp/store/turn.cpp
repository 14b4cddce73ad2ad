#include "store/turn.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>

namespace headworks::store {

TurnFile::TurnFile(const std::string& database)
    : fd_(::open((database + "-turn").c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)) {}

TurnFile::~TurnFile() {
  if (fd_ >= 0) ::close(fd_);
}

TurnFile::Turn::Turn(int fd) : fd_(fd) {
  while (fd_ >= 0 && ::flock(fd_, LOCK_EX) != 0 && errno == EINTR) {
  }
}

TurnFile::Turn::~Turn() {
  if (fd_ >= 0) ::flock(fd_, LOCK_UN);
}

}  // namespace headworks::store
