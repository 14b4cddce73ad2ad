// TurnFile: whose turn it is to write to a database file, among all connections of all processes: a lock on a small file
// beside it, which the kernel takes back from whoever dies. SQLite before 3.51.3 can corrupt a write-ahead log that two
// connections write or checkpoint at one instant; by turns they never do. Belongs to one thread. Must not know: SQLite.
#pragma once

#include <string>
#include <utility>

namespace headworks::store {

class TurnFile {
 public:
  // Beside `database`. Where no file can be made nobody can write either, and every turn is there at once.
  explicit TurnFile(const std::string& database);
  ~TurnFile();
  TurnFile(const TurnFile&) = delete;
  TurnFile& operator=(const TurnFile&) = delete;

  class Turn {
   public:
    explicit Turn(int fd);  // waits for it
    ~Turn();
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

   private:
    int fd_;
  };
  // One at a time.
  Turn take() { return Turn(fd_); }

 private:
  int fd_;
};

}  // namespace headworks::store
