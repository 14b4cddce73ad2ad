#include "app/data_dir.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "base/log.hpp"
#include "json/json_writer.hpp"
#include "vault/client_key.hpp"
#include "vault/key_file.hpp"

namespace headworks::app {
namespace {

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

StartFailure failed(std::string message) { return {Exit::failed, std::move(message)}; }

}  // namespace

std::string default_data_dir() {
  if (std::string named = environment("HEADWORKS_DATA_DIR"); !named.empty()) return named;
  if (std::string state = environment("STATE_DIRECTORY"); !state.empty()) return state.substr(0, state.find(':'));
  if (std::string data = environment("XDG_DATA_HOME"); !data.empty()) return data + "/headworks";
  return environment("HOME") + "/.local/share/headworks";
}

boost::system::result<DataDir, StartFailure> DataDir::open(std::string path, int lock) {
  if (path.empty()) path = default_data_dir();
  std::error_code error;
  const bool existed = std::filesystem::exists(path, error);
  std::filesystem::create_directories(path, error);
  if (error) return failed("the data directory " + path + " cannot be made: " + error.message());
  if (!existed) ::chmod(path.c_str(), 0700);
  const std::string name = path + "/lock";
  if (lock >= 0) {
    DataDir opened(std::move(path), lock);
    struct stat held {}, here {};
    if (::fstat(lock, &held) == 0 && ::stat(name.c_str(), &here) == 0 && held.st_dev == here.st_dev &&
        held.st_ino == here.st_ino)
      return opened;
    return StartFailure{Exit::usage, "the running server has another data directory than " + opened.path() +
                                         ", and a hand-over cannot change it; stop it, then start anew"};
  }
  lock = ::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (lock < 0) return failed("the data directory " + path + " cannot be used: " + std::strerror(errno));
  if (::flock(lock, LOCK_EX | LOCK_NB) != 0) {
    char holder[32] = "";
    [[maybe_unused]] const auto size = ::pread(lock, holder, sizeof holder - 1, 0);
    ::close(lock);
    return StartFailure{Exit::in_use, "the data directory " + path + " is in use by process " + holder +
                                          "; stop that server, or name another directory with --data-dir"};
  }
  DataDir opened(std::move(path), lock);
  opened.sign_lock();
  return opened;
}

void DataDir::sign_lock() const {
  const std::string pid = std::to_string(::getpid());
  [[maybe_unused]] const int cut = ::ftruncate(lock_, 0);
  [[maybe_unused]] const auto written = ::pwrite(lock_, pid.data(), pid.size(), 0);
}

DataDir::DataDir(DataDir&& other) noexcept : path_(std::move(other.path_)), lock_(std::exchange(other.lock_, -1)) {}

DataDir::~DataDir() {
  if (lock_ >= 0) ::close(lock_);
}

bool DataDir::has(const char* name) const { return ::access(file(name).c_str(), F_OK) == 0; }

boost::system::result<base::Secret, StartFailure> DataDir::admin_token() const {
  if (std::string token = environment("HEADWORKS_ADMIN_TOKEN"); !token.empty()) {
    base::Secret secret(token);
    base::wipe(token);
    return secret;
  }
  const std::string name = file("admin.token");
  if (!has("admin.token")) {
    base::Secret made = vault::make_client_key();
    if (auto created = vault::create_key_file(name, made.reveal()); !created) return failed(created.error().message);
    return made;
  }
  auto read = vault::read_key_file(name);
  if (!read) return failed(read.error().message);
  return std::move(*read);
}

void DataDir::write_run_file(const std::string& data_url, const std::string& admin_url) const {
  std::string started;
  base::append_utc(started, base::SystemClock().wall());
  std::string text;
  json::JsonWriter json(text);
  json.open_object().key("pid").number(::getpid()).key("version").string(HEADWORKS_VERSION);
  json.key("data_url").string(data_url).key("admin_url").string(admin_url).key("started_at").string(started);
  json.close_object();
  // Whole or not at all: whoever looks for a running server never sees half of it.
  const std::string temporary = file("run.json.new");
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return;
  const bool whole = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  ::close(fd);
  if (whole) ::rename(temporary.c_str(), file("run.json").c_str());
}

void DataDir::remove_run_file() const { ::unlink(file("run.json").c_str()); }

}  // namespace headworks::app
