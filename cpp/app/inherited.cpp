#include "app/inherited.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>

namespace headworks::app {
namespace {

constexpr int kFirst = 3;      // SD_LISTEN_FDS_START
constexpr int kMost = 4096;
constexpr std::array kNames = {kDataSocket, kAdminSocket, kLock, kChannel};

std::string take_variable(const char* name) {
  const char* value = std::getenv(name);
  std::string text = value == nullptr ? "" : value;
  ::unsetenv(name);
  return text;
}

std::optional<int> number_in(std::string_view text) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace

Inherited& Inherited::operator=(Inherited&& other) noexcept {
  std::swap(named_, other.named_);
  return *this;
}

Inherited::~Inherited() {
  for (const auto& [name, fd] : named_) ::close(fd);
}

boost::system::result<Inherited, StartFailure> Inherited::take() {
  const std::string pid = take_variable("LISTEN_PID"), count = take_variable("LISTEN_FDS");
  const std::string names = take_variable("LISTEN_FDNAMES");
  Inherited taken;
  if (number_in(pid) != ::getpid()) return taken;  // meant for somebody else, or for nobody
  const int number = std::clamp(number_in(count).value_or(0), 0, kMost);
  for (int fd = kFirst; fd < kFirst + number; ++fd) {
    ::fcntl(fd, F_SETFD, FD_CLOEXEC);
    taken.named_.emplace_back("", fd);
  }
  std::string_view rest = names;
  for (auto& [name, fd] : taken.named_) {
    const std::size_t end = std::min(rest.find(':'), rest.size());
    name = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (std::find(kNames.begin(), kNames.end(), name) == kNames.end())
      return StartFailure{Exit::usage, "a socket was passed in as \"" + name +
                                           "\"; in LISTEN_FDNAMES each is `data` or `admin` (FileDescriptorName= of a "
                                           "systemd socket)"};
  }
  return taken;
}

std::vector<int> Inherited::take_all(std::string_view name) {
  std::vector<int> found;
  std::erase_if(named_, [&](const auto& one) {
    if (one.first == name) found.push_back(one.second);
    return one.first == name;
  });
  return found;
}

std::optional<int> Inherited::take_one(std::string_view name) {
  const auto found = std::find_if(named_.begin(), named_.end(), [&](const auto& one) { return one.first == name; });
  if (found == named_.end()) return std::nullopt;
  const int fd = found->second;
  named_.erase(found);
  return fd;
}

}  // namespace headworks::app
