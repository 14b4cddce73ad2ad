#include "store/sqlite.hpp"

#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include <new>
#include <unordered_map>

namespace headworks::store {
namespace {

constexpr int kOpsBetweenDeadlineChecks = 4000;  // about 0.2 ms

std::string message_of(int code) {
  switch (code) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return "the database is locked by another process";
    case SQLITE_FULL:
      return "the disk is full";
    case SQLITE_IOERR:
      return "the disk failed";
    case SQLITE_READONLY:
      return "the database cannot be written";
    case SQLITE_CANTOPEN:
      return "the database cannot be opened";
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return "the database is damaged";
    case SQLITE_INTERRUPT:
      return "the query took too long";
    default:
      return "the database failed";
  }
}

base::Error error_of(int extended, const char* text) {
  const std::string detail =
      std::string("sqlite ") + std::to_string(extended) + ": " + (text == nullptr ? "" : text);
  switch (extended) {
    case SQLITE_CONSTRAINT_UNIQUE:
    case SQLITE_CONSTRAINT_PRIMARYKEY:
      return base::fail(base::ErrorKind::conflict, "there is one of this name or id already", detail);
    case SQLITE_CONSTRAINT_FOREIGNKEY:
      return base::fail(base::ErrorKind::conflict,
                        "something else still refers to it, or it refers to nothing", detail);
    case SQLITE_CONSTRAINT_CHECK:
    case SQLITE_CONSTRAINT_NOTNULL:
      return base::fail(base::ErrorKind::invalid_configuration, "a value is out of its bounds", detail);
    default:
      break;
  }
  const int code = extended & 0xff;
  const auto kind =
      code == SQLITE_INTERRUPT ? base::ErrorKind::deadline_exceeded : base::ErrorKind::storage_failed;
  return base::fail(kind, message_of(code), detail);
}

[[noreturn]] void raise(sqlite3* db) {
  const int extended = sqlite3_extended_errcode(db);
  throw StorageFailure(error_of(extended, sqlite3_errmsg(db)), extended & 0xff);
}

void expect_ok(sqlite3* db, int code) {
  if (code != SQLITE_OK) raise(db);
}

// SQLite counts its memory under one lock for the whole process; nobody asks for the count. Refused, and then no harm,
// when somebody in this process (a Python program) has used SQLite already.
void forgo_memory_statistics() {
  [[maybe_unused]] static const int told = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

struct Hash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};

}  // namespace

bool StorageFailure::damaged() const { return code_ == SQLITE_CORRUPT || code_ == SQLITE_NOTADB; }
bool StorageFailure::busy() const { return code_ == SQLITE_BUSY || code_ == SQLITE_LOCKED; }

struct Connection::Parts {
  sqlite3* db = nullptr;
  std::unordered_map<std::string, sqlite3_stmt*, Hash, std::equal_to<>> statements;
  std::optional<std::chrono::steady_clock::time_point> deadline;
  std::optional<std::int64_t> version;  // of the file's content, as SQLite counts

  static int is_over(void* context) {
    const auto& parts = *static_cast<const Parts*>(context);
    return parts.deadline && std::chrono::steady_clock::now() >= *parts.deadline ? 1 : 0;
  }
  ~Parts() {
    for (auto& [sql, statement] : statements) sqlite3_finalize(statement);
    sqlite3_close(db);
  }
};

Connection::Connection(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Connection::Connection(Connection&& other) noexcept = default;
Connection::~Connection() = default;

Connection Connection::open(const std::string& path, Mode mode, std::chrono::milliseconds busy_timeout) {
  forgo_memory_statistics();
  if (mode == Mode::writer) {
    // SQLite gives its journal files the mode of the database file.
    const int fd = ::open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd >= 0) ::close(fd);
  }
  auto parts = std::make_unique<Parts>();
  const int flags =
      (mode == Mode::writer ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY) |
      SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  const int code = sqlite3_open_v2(path.c_str(), &parts->db, flags, nullptr);
  if (parts->db == nullptr) throw std::bad_alloc();
  expect_ok(parts->db, code);
  sqlite3_busy_timeout(parts->db, static_cast<int>(busy_timeout.count()));
  sqlite3_db_config(parts->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  sqlite3_db_config(parts->db, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(parts->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  sqlite3_progress_handler(parts->db, kOpsBetweenDeadlineChecks, &Parts::is_over, parts.get());
  Connection connection(std::move(parts));
  connection.execute("PRAGMA wal_autocheckpoint=0");
  if (mode == Mode::reader) connection.execute("PRAGMA query_only=1");
  return connection;
}

void Connection::execute(const char* sql) {
  expect_ok(parts_->db, sqlite3_exec(parts_->db, sql, nullptr, nullptr, nullptr));
}

Query Connection::prepare(std::string_view sql) {
  const auto found = parts_->statements.find(sql);
  if (found != parts_->statements.end() && sqlite3_stmt_busy(found->second) == 0)
    return {parts_->db, found->second, false};
  sqlite3_stmt* statement = nullptr;
  expect_ok(parts_->db, sqlite3_prepare_v3(parts_->db, sql.data(), static_cast<int>(sql.size()),
                                           SQLITE_PREPARE_PERSISTENT, &statement, nullptr));
  // A statement that is running (a query inside a query of the same text) has a twin of its own.
  const bool twin = found != parts_->statements.end();
  if (!twin) parts_->statements.emplace(sql, statement);
  return {parts_->db, statement, twin};
}

int Connection::changes() const { return sqlite3_changes(parts_->db); }
std::int64_t Connection::last_rowid() const { return sqlite3_last_insert_rowid(parts_->db); }

std::optional<std::int64_t> Connection::find_integer(std::string_view sql) {
  Query found = query(sql);
  if (!found.next()) return std::nullopt;
  return found.integer(0);
}

void Connection::set_deadline(std::optional<std::chrono::steady_clock::time_point> deadline) {
  parts_->deadline = deadline;
}

bool Connection::changed_elsewhere() {
  const std::optional<std::int64_t> now = find_integer("PRAGMA data_version");
  return std::exchange(parts_->version, now).value_or(now.value_or(0)) != now.value_or(0);
}

// https://www.sqlite.org/backup.html: in one step, so that all of it is of one moment.
void Connection::copy_to(const std::string& path) {
  Connection copy = open(path, Mode::writer, std::chrono::milliseconds{1000});
  sqlite3* target = copy.parts_->db;
  sqlite3_backup* backup = sqlite3_backup_init(target, "main", parts_->db, "main");
  if (backup == nullptr) raise(target);
  sqlite3_backup_step(backup, -1);
  expect_ok(target, sqlite3_backup_finish(backup));
}

bool Connection::checkpoint_all() {
  return sqlite3_wal_checkpoint_v2(parts_->db, nullptr, SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr) ==
         SQLITE_OK;
}

void Connection::bind_text(sqlite3_stmt* statement, int position, Lifetime lifetime, std::string_view text) {
  const auto keep = lifetime == Lifetime::copied ? SQLITE_TRANSIENT : SQLITE_STATIC;
  expect_ok(parts_->db, sqlite3_bind_text64(statement, position, text.empty() ? "" : text.data(), text.size(),
                                            keep, SQLITE_UTF8));
}
void Connection::bind_blob(sqlite3_stmt* statement, int position, Lifetime lifetime, Blob bytes) {
  const auto keep = lifetime == Lifetime::copied ? SQLITE_TRANSIENT : SQLITE_STATIC;
  // A null pointer would bind NULL.
  expect_ok(parts_->db, sqlite3_bind_blob64(statement, position, bytes.empty() ? "" : static_cast<const void*>(bytes.data()),
                                            bytes.size(), keep));
}
void Connection::bind_integer(sqlite3_stmt* statement, int position, std::int64_t number) {
  expect_ok(parts_->db, sqlite3_bind_int64(statement, position, number));
}
void Connection::bind_real(sqlite3_stmt* statement, int position, double number) {
  expect_ok(parts_->db, sqlite3_bind_double(statement, position, number));
}
void Connection::bind_null(sqlite3_stmt* statement, int position) {
  expect_ok(parts_->db, sqlite3_bind_null(statement, position));
}

Query::~Query() {
  if (statement_ == nullptr) return;
  if (owned_) {
    sqlite3_finalize(statement_);
  } else {
    sqlite3_reset(statement_);
    sqlite3_clear_bindings(statement_);
  }
}

void Query::reset() { sqlite3_reset(statement_); }

bool Query::next() {
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  raise(db_);
}

std::string_view Query::text(int column) const {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  if (text == nullptr) return {};
  return {text, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}
std::int64_t Query::integer(int column) const { return sqlite3_column_int64(statement_, column); }
double Query::real(int column) const { return sqlite3_column_double(statement_, column); }
Blob Query::blob(int column) const {
  const auto* bytes = static_cast<const std::uint8_t*>(sqlite3_column_blob(statement_, column));
  return {bytes, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}
bool Query::is_null(int column) const { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }
std::optional<std::string> Query::optional_text(int column) const {
  if (is_null(column)) return std::nullopt;
  return string(column);
}
int Query::columns() const { return sqlite3_column_count(statement_); }
std::string_view Query::name(int column) const { return sqlite3_column_name(statement_, column); }

void Transaction::commit() {
  db_->execute("COMMIT");
  db_ = nullptr;
}

Transaction::~Transaction() {
  if (db_ == nullptr) return;
  try {
    db_->execute("ROLLBACK");
  } catch (const StorageFailure&) {
    // SQLite has rolled back by itself (a full disk, an I/O error): there is no transaction any more.
  }
}

std::string_view sqlite_version() { return sqlite3_libversion(); }

}  // namespace headworks::store
