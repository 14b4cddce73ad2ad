#include "vault/key_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace headworks::vault {
namespace {

using base::ErrorKind;
using base::fail;
using base::Result;

constexpr std::size_t kMaxFile = 8192;

base::Error refuse(const std::string& path, const std::string& why) {
  return fail(ErrorKind::key_unreadable, "the key file " + path + " " + why);
}

std::string why(int error) { return std::strerror(error); }

// Closes on every way out.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  bool open() const { return fd_ >= 0; }

 private:
  int fd_;
};

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

Result<void> check_owner_and_mode(int fd, const std::string& path) {
  struct stat file {};
  if (::fstat(fd, &file) != 0) return refuse(path, "cannot be read: " + why(errno));
  if (!S_ISREG(file.st_mode)) return refuse(path, "is not a regular file");
  const bool ours = file.st_uid == ::geteuid();
  if (!ours && file.st_uid != 0) return refuse(path, "belongs to another user; run: chown");
  // systemd shows the access list of a credential as its group's read permission, and root is the owner.
  const mode_t forbidden = ours ? 077 : 037;
  if ((file.st_mode & forbidden) != 0)
    return refuse(path, "can be read or changed by others; run: chmod 600 " + path);
  struct stat folder {};
  const std::string above = folder_of(path);
  if (::stat(above.c_str(), &folder) == 0 && (folder.st_mode & S_IWOTH) != 0 &&
      (folder.st_mode & S_ISVTX) == 0)
    return refuse(path, "is in a folder that everybody may change; run: chmod o-w " + above);
  return {};
}

Result<void> write_new_file(const std::string& path, std::string_view text) {
  const Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file.open()) return refuse(path, "could not be made: " + why(errno));
  // A stricter umask must not take the owner's own right away.
  if (::fchmod(file.get(), 0600) != 0) return refuse(path, "could not be made private: " + why(errno));
  while (!text.empty()) {
    const ssize_t written = ::write(file.get(), text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return refuse(path, "could not be written: " + why(errno));
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  if (::fsync(file.get()) != 0) return refuse(path, "could not be written: " + why(errno));
  return {};
}

Result<void> sync_folder(const std::string& path) {
  const Descriptor folder(::open(folder_of(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.open() || ::fsync(folder.get()) != 0)
    return refuse(path, "was made, but its folder could not be synced: " + why(errno));
  return {};
}

// Beside the file, so that the last step is one rename or link. A rest of a start that was killed is in the
// way of nobody: it is removed first.
Result<std::string> write_beside(const std::string& path, std::string_view text) {
  const std::string beside = path + ".new";
  ::unlink(beside.c_str());
  if (auto written = write_new_file(beside, text); !written) {
    ::unlink(beside.c_str());
    return written.error();
  }
  return beside;
}

}  // namespace

Result<base::Secret> read_key_file(const std::string& path) {
  // O_NONBLOCK: opening a pipe must fail the check below, not wait for its other end.
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!file.open()) {
    if (errno == ENOENT) return fail(ErrorKind::not_found, "there is no key file " + path);
    if (errno == ELOOP) return refuse(path, "is a symbolic link; it must be the file itself");
    return refuse(path, "cannot be read: " + why(errno));
  }
  if (auto checked = check_owner_and_mode(file.get(), path); !checked) return checked.error();
  std::string text(kMaxFile + 1, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t count = ::read(file.get(), text.data() + size, text.size() - size);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      const int error = errno;
      base::wipe(text);
      return refuse(path, "cannot be read: " + why(error));
    }
    if (count == 0) break;
    size += static_cast<std::size_t>(count);
  }
  base::Secret secret(std::string_view(text).substr(0, size));
  base::wipe(text);
  if (size > kMaxFile) return refuse(path, "is too large to be one");
  return secret;
}

Result<void> create_key_file(const std::string& path, std::string_view text) {
  const Result<std::string> beside = write_beside(path, text);
  if (!beside) return beside.error();
  // A link does not replace what is there; a rename would.
  const bool linked = ::link(beside->c_str(), path.c_str()) == 0;
  const int error = errno;
  ::unlink(beside->c_str());
  if (!linked) return refuse(path, "could not be made: " + why(error));
  return sync_folder(path);
}

Result<void> replace_key_file(const std::string& path, std::string_view text) {
  const Result<std::string> beside = write_beside(path, text);
  if (!beside) return beside.error();
  if (::rename(beside->c_str(), path.c_str()) != 0) {
    const int error = errno;
    ::unlink(beside->c_str());
    return refuse(path, "could not be replaced: " + why(error));
  }
  return sync_folder(path);
}

}  // namespace headworks::vault
