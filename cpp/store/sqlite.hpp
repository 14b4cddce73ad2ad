// SQLite behind RAII: the only header that its C API hides under. Prepared statements only, typed binding,
// and one exception, StorageFailure, which the writer's job runner turns into an Error; nothing else in
// Headworks throws for a full disk. A Connection belongs to one thread at a time. Must not know: tables,
// rows.
#pragma once

#include <chrono>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/result.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace headworks::store {

// Carries the Error out of a job. Kinds: storage_failed (locked, full, damaged, I/O), conflict (a unique or
// foreign key), invalid_configuration (a CHECK), deadline_exceeded (a reader's time limit).
class StorageFailure : public std::exception {
 public:
  StorageFailure(base::Error error, int code) : error_(std::move(error)), code_(code) {}
  const char* what() const noexcept override { return error_.message.c_str(); }
  const base::Error& error() const { return error_; }
  bool damaged() const;  // not a database, or a corrupt one
  bool busy() const;     // another connection holds the lock

 private:
  base::Error error_;
  int code_;  // primary result code
};

using Blob = std::span<const std::uint8_t>;

// The rows of one running query. Resets its statement when it ends; must not outlive the Connection.
class Query {
 public:
  Query(Query&& other) noexcept
      : db_(other.db_),
        statement_(std::exchange(other.statement_, nullptr)),
        owned_(other.owned_),
        bound_(std::move(other.bound_)) {}
  Query(const Query&) = delete;
  Query& operator=(Query&&) = delete;
  ~Query();

  // Steps to the next row; false at the end.
  bool next();

  // Columns count from 0. Views are valid until the next step.
  std::string_view text(int column) const;
  std::string string(int column) const { return std::string(text(column)); }
  std::int64_t integer(int column) const;
  double real(int column) const;
  bool boolean(int column) const { return integer(column) != 0; }
  Blob blob(int column) const;
  bool is_null(int column) const;
  std::optional<std::string> optional_text(int column) const;
  int columns() const;
  std::string_view name(int column) const;

 private:
  friend class Connection;
  void reset();
  Query(sqlite3* db, sqlite3_stmt* statement, bool owned) : db_(db), statement_(statement), owned_(owned) {}
  sqlite3* db_;
  sqlite3_stmt* statement_;
  bool owned_;  // finalized here; else it belongs to the connection's cache
  std::vector<std::optional<std::int64_t>> bound_;  // by rerun(): SQLite keeps what is bound, and most of a row repeats
};

class Connection {
 public:
  enum class Mode : std::uint8_t {
    writer,  // the only one that writes and checkpoints; made if missing
    reader,  // never writes, never checkpoints
  };

  // A file made here is readable by its owner only. The writer does not checkpoint at its end unless told to
  // (checkpoint_all): whoever finds a damaged file must be able to leave it as it is.
  static Connection open(const std::string& path, Mode mode, std::chrono::milliseconds busy_timeout);
  Connection(Connection&& other) noexcept;
  Connection& operator=(Connection&&) = delete;
  ~Connection();

  // Fixed text without parameters: pragmas, schema, transactions. May hold several statements.
  void execute(const char* sql);

  // Starts a query; texts are copied, so the values need not outlive the call. The statement is prepared once
  // per connection and text.
  template <class... Values>
  Query query(std::string_view sql, const Values&... values) {
    return start(sql, Lifetime::copied, values...);
  }

  // Runs a statement to its end; the number of rows that it changed. Texts are not copied.
  template <class... Values>
  int change(std::string_view sql, const Values&... values) {
    Query running = start(sql, Lifetime::borrowed, values...);
    while (running.next()) {
    }
    return changes();
  }

  // The same statement many times in a row: `Query insert = db.prepared(sql)`, then for each row
  // `db.rerun(insert, values...)`. Texts are not copied.
  Query prepared(std::string_view sql) { return prepare(sql); }
  template <class... Values>
  int rerun(Query& statement, const Values&... values) {
    statement.reset();
    statement.bound_.resize(sizeof...(values));
    std::size_t position = 0;
    (bind_again(statement, position++, values), ...);
    while (statement.next()) {
    }
    return changes();
  }

  std::int64_t last_rowid() const;
  // First column of the first row, as an integer; none when there is no row.
  std::optional<std::int64_t> find_integer(std::string_view sql);

  // Every query from now on that runs past `deadline` ends with kind deadline_exceeded. None: no limit.
  void set_deadline(std::optional<std::chrono::steady_clock::time_point> deadline);

  // Whether somebody else has written since the last call. REQUIRES a transaction. The first call says no.
  bool changed_elsewhere();

  // Everything as it is at one moment, copied into a new file (owner only) while others go on writing.
  void copy_to(const std::string& path);

  // Moves the whole write-ahead log into the file and empties it. False when a reader was in the way.
  bool checkpoint_all();

 private:
  struct Parts;
  explicit Connection(std::unique_ptr<Parts> parts);
  Query prepare(std::string_view sql);
  int changes() const;

  enum class Lifetime : std::uint8_t { copied, borrowed };

  template <class... Values>
  Query start(std::string_view sql, [[maybe_unused]] Lifetime lifetime, const Values&... values) {
    Query made = prepare(sql);
    int position = 0;
    (bind(made.statement_, ++position, lifetime, values), ...);
    return made;
  }

  template <class Value>
  void bind_again(Query& statement, std::size_t position, const Value& value) {
    if constexpr (std::is_integral_v<Value>) {
      std::optional<std::int64_t>& bound = statement.bound_[position];
      if (bound == static_cast<std::int64_t>(value)) return;
      bound = static_cast<std::int64_t>(value);
    }
    bind(statement.statement_, static_cast<int>(position) + 1, Lifetime::borrowed, value);
  }

  template <class Value>
  void bind(sqlite3_stmt* statement, int position, [[maybe_unused]] Lifetime lifetime, const Value& value) {
    if constexpr (std::is_same_v<Value, std::nullptr_t>) {
      bind_null(statement, position);
    } else if constexpr (requires { bool(value), std::string_view(*value); } && !std::is_pointer_v<Value> &&
                         !std::is_array_v<Value>) {  // an optional text
      value ? bind_text(statement, position, lifetime, *value) : bind_null(statement, position);
    } else if constexpr (requires { bool(value), std::int64_t{*value}; } && !std::is_pointer_v<Value> &&
                         !std::is_array_v<Value>) {
      value ? bind_integer(statement, position, *value) : bind_null(statement, position);
    } else if constexpr (std::is_floating_point_v<Value>) {
      bind_real(statement, position, value);
    } else if constexpr (std::is_integral_v<Value>) {
      bind_integer(statement, position, static_cast<std::int64_t>(value));
    } else if constexpr (std::is_convertible_v<const Value&, std::string_view>) {
      bind_text(statement, position, lifetime, value);
    } else {
      bind_blob(statement, position, lifetime, Blob(value));
    }
  }
  void bind_text(sqlite3_stmt*, int position, Lifetime, std::string_view text);
  void bind_blob(sqlite3_stmt*, int position, Lifetime, Blob bytes);
  void bind_integer(sqlite3_stmt*, int position, std::int64_t number);
  void bind_real(sqlite3_stmt*, int position, double number);
  void bind_null(sqlite3_stmt*, int position);

  std::unique_ptr<Parts> parts_;
};

// begin immediate ... commit; what is not committed is rolled back.
class Transaction {
 public:
  explicit Transaction(Connection& db) : db_(&db) { db.execute("BEGIN IMMEDIATE"); }
  Transaction(const Transaction&) = delete;
  ~Transaction();
  void commit();

 private:
  Connection* db_;
};

// The version of the library that is linked.
std::string_view sqlite_version();

}  // namespace headworks::store
