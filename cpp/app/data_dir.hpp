// DataDir: the server's directory: where it is, that it is ours alone, and the small files in it (surface section 2).
// One process at a time. Must not know: what the databases hold.
#pragma once

#include <string>

#include "app/gateway_app.hpp"
#include "base/secret.hpp"

namespace headworks::app {

// The rule of surface section 2 for an empty `--data-dir`.
std::string default_data_dir();

class DataDir {
 public:
  // Makes the directory (0700) and takes its lock, which ends with the process. Exit::in_use names the holder. `lock`: of
  // the process that hands over to this one, whose lock it goes on holding (and owns now); -1: there is none.
  static boost::system::result<DataDir, StartFailure> open(std::string path, int lock = -1);
  DataDir(DataDir&& other) noexcept;
  ~DataDir();

  const std::string& path() const { return path_; }
  std::string file(const char* name) const { return path_ + "/" + name; }
  bool has(const char* name) const;
  // For whoever takes over from this process: both hold it then, until both have ended.
  int lock() const { return lock_; }
  // From now on the lock says that it is ours.
  void sign_lock() const;

  // The admin token: HEADWORKS_ADMIN_TOKEN, else the file admin.token, made (0600) when it is not there.
  boost::system::result<base::Secret, StartFailure> admin_token() const;

  // run.json: written when the server is ready, gone after a clean stop.
  void write_run_file(const std::string& data_url, const std::string& admin_url) const;
  void remove_run_file() const;

 private:
  DataDir(std::string path, int lock) : path_(std::move(path)), lock_(lock) {}
  std::string path_;
  int lock_;
};

}  // namespace headworks::app
