#include "store/backup.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "catalog/utc_time.hpp"
#include "store/schema.hpp"

namespace headworks::store {
namespace {

namespace fs = std::filesystem;
using base::ErrorKind;
using base::fail;

void sync(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  ::fsync(fd);
  ::close(fd);
}

std::uint64_t copy(const std::string& from, const std::string& to) {
  open_reader(from, std::chrono::milliseconds{5000}).copy_to(to);
  {
    Connection made = Connection::open(to, Connection::Mode::writer, std::chrono::milliseconds{1000});
    made.execute("PRAGMA journal_mode=DELETE");  // one file, that needs no other
    Query checked = made.query("PRAGMA quick_check(1)");
    if (!checked.next() || checked.text(0) != "ok")
      throw StorageFailure(fail(ErrorKind::storage_failed, "the copy of " + from + " is damaged", checked.string(0)), 11);
  }
  sync(to);
  return fs::file_size(to);
}

}  // namespace

base::Result<Backup> make_backup(const std::string& data_dir, base::WallTime now) {
  const std::string all = data_dir + "/backups";
  std::string name = catalog::format_utc(now);
  for (int again = 2; fs::exists(all + "/" + name); ++again) name = catalog::format_utc(now) + "-" + std::to_string(again);
  Backup backup{.directory = all + "/" + name, .files = {}};
  const std::string fresh = all + "/.new";
  std::error_code failed;
  fs::remove_all(fresh, failed);
  ::mkdir(all.c_str(), 0700);
  if (::mkdir(fresh.c_str(), 0700) != 0) return fail(ErrorKind::storage_failed, all + " cannot be written");
  try {
    for (const char* file : {"headworks.db", "usage.db"})
      backup.files.push_back({file, copy(data_dir + "/" + file, fresh + "/" + file)});
    fs::rename(fresh, backup.directory);
  } catch (const StorageFailure& failure) {
    fs::remove_all(fresh, failed);
    return failure.error();
  } catch (const fs::filesystem_error& failure) {
    fs::remove_all(fresh, failed);
    return fail(ErrorKind::storage_failed, "the backup cannot be written", failure.what());
  }
  sync(all);
  return backup;
}

}  // namespace headworks::store
