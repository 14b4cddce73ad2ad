#include "app/successor.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "app/inherited.hpp"

namespace headworks::app {
namespace {

using base::ErrorKind;
using base::fail;
using base::Result;

constexpr int kFirst = 3;
constexpr std::string_view kPid = "LISTEN_PID=";
constexpr std::size_t kDigits = 20;

// Where a shell would find the program now.
std::string find_program(const std::string& name) {
  if (name.find('/') != std::string::npos) return name;
  const char* path = std::getenv("PATH");
  std::string_view rest = path == nullptr ? "/usr/local/bin:/usr/bin:/bin" : path;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find(':'), rest.size());
    const std::string found = std::string(rest.substr(0, end)) + "/" + name;
    if (::access(found.c_str(), X_OK) == 0) return found;
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return {};
}

// Everything that the child needs between fork and exec, where it may neither allocate nor take a lock: another thread
// may have held it.
struct Plan {
  std::string program;
  std::vector<char*> arguments;
  std::vector<std::string> texts;  // of the environment; wiped: keys may stand in it
  std::vector<char*> environment;
  char* pid_digits = nullptr;      // in the text of LISTEN_PID
  std::vector<int> descriptors;    // none of them where they are to be
  int channel = -1;

  ~Plan() {
    for (std::string& text : texts) base::wipe(text);
    for (const int fd : descriptors) ::close(fd);
  }
};

void add_environment(Plan& plan, const Successor::Named& descriptors, const Successor::Variables& variables) {
  std::string names;
  for (const auto& [name, fd] : descriptors) names.append(name).append(":");
  names.append(kChannel);
  plan.texts.push_back(std::string(kPid) + std::string(kDigits, '\0'));
  plan.texts.push_back("LISTEN_FDS=" + std::to_string(descriptors.size() + 1));
  plan.texts.push_back("LISTEN_FDNAMES=" + names);
  for (const auto& [name, value] : variables) {
    std::string& text = plan.texts.emplace_back();
    text.reserve(name.size() + 1 + value.reveal().size());
    text.append(name).append("=").append(value.reveal());
  }
  for (char** one = environ; *one != nullptr; ++one) plan.environment.push_back(*one);
  for (std::string& text : plan.texts) plan.environment.push_back(text.data());
  plan.environment.push_back(nullptr);
  plan.pid_digits = plan.texts.front().data() + kPid.size();
}

[[noreturn]] void become(Plan& plan) {
  char digits[kDigits];
  std::size_t count = 0;
  for (auto pid = static_cast<unsigned>(::getpid()); pid != 0; pid /= 10)
    digits[count++] = static_cast<char>('0' + pid % 10);
  for (std::size_t i = 0; i < count; ++i) plan.pid_digits[i] = digits[count - 1 - i];
  for (std::size_t i = 0; i < plan.descriptors.size(); ++i) ::dup2(plan.descriptors[i], kFirst + static_cast<int>(i));
  ::signal(SIGPIPE, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::execve(plan.program.c_str(), plan.arguments.data(), plan.environment.data());
  const char* why = ::strerrordesc_np(errno);
  constexpr std::string_view kSaid = "failed: it cannot be run: ";
  char word[160];
  std::memcpy(word, kSaid.data(), kSaid.size());
  const std::size_t size = std::min(std::strlen(why), sizeof word - kSaid.size());
  std::memcpy(word + kSaid.size(), why, size);
  [[maybe_unused]] const auto sent = ::write(kFirst + static_cast<int>(plan.descriptors.size()) - 1, word, kSaid.size() + size);
  ::_exit(127);
}

}  // namespace

Result<Successor> Successor::start(const std::vector<std::string>& command, const Named& descriptors,
                                   const Variables& variables) {
  Plan plan;
  plan.program = find_program(command.front());
  if (plan.program.empty()) return fail(ErrorKind::not_found, "there is no program " + command.front() + " any more");
  for (const std::string& argument : command) plan.arguments.push_back(const_cast<char*>(argument.c_str()));
  plan.arguments.push_back(nullptr);
  add_environment(plan, descriptors, variables);

  const auto [ours, its] = Channel::make_pair();
  Channel channel(ours);
  // Above where the child wants them, so that no copy covers one that is still to be made.
  const int above = kFirst + static_cast<int>(descriptors.size()) + 1;
  for (const auto& [name, fd] : descriptors) plan.descriptors.push_back(::fcntl(fd, F_DUPFD_CLOEXEC, above));
  plan.descriptors.push_back(::fcntl(its, F_DUPFD_CLOEXEC, above));
  ::close(its);
  if (std::find(plan.descriptors.begin(), plan.descriptors.end(), -1) != plan.descriptors.end())
    return fail(ErrorKind::overloaded, "no file descriptor is left for a new process");

  const pid_t pid = ::fork();
  if (pid == 0) become(plan);
  if (pid < 0) return fail(ErrorKind::overloaded, std::string("no process can be made: ") + std::strerror(errno));
  return Successor(pid, std::move(channel));
}

std::string Successor::end() {
  ::kill(pid_, SIGKILL);  // does nothing to one that has ended
  int status = 0;
  pid_t ended = -1;
  do {
    ended = ::waitpid(pid_, &status, 0);
  } while (ended < 0 && errno == EINTR);
  if (ended == pid_ && WIFEXITED(status)) return "exit code " + std::to_string(WEXITSTATUS(status));
  return "signal " + std::to_string(ended == pid_ && WIFSIGNALED(status) ? WTERMSIG(status) : 0);
}

}  // namespace headworks::app
