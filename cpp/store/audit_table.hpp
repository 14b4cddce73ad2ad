// The tables `revisions` (one per change of the configuration) and `audit` (each row that it changed, before
// and after: the difference of a revision, and what undoing it needs). Append-only; neither ever holds a
// secret. Same rules as every *_table.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/sqlite.hpp"

namespace headworks::store {

struct Revision {
  std::uint64_t number = 0;
  std::string at;  // UTC
  std::string actor;
  std::string summary;  // "backend.create nim-1", or how many changes there were
};

struct AuditRow {
  std::int64_t id = 0;
  std::uint64_t revision = 0;
  std::string at;
  std::string actor;
  std::string action;  // "backend.create"
  std::string target;  // its name
  std::optional<std::string> before_json, after_json;
};

class AuditTable {
 public:
  explicit AuditTable(Connection& db) : db_(db) {}
  std::uint64_t latest_revision();  // 0: none yet
  void add_revision(const Revision& revision);
  void add(const AuditRow& row);                                               // gives the id itself
  std::vector<Revision> revisions(std::uint64_t before, std::uint32_t limit);  // newest first; before 0: all
  std::optional<Revision> find_revision(std::uint64_t number);
  std::vector<AuditRow> edits_of(std::uint64_t revision);  // in the order in which they were made
  std::vector<AuditRow> edits_after(std::uint64_t revision);  // of all later ones, in the order in which they were made
  std::vector<AuditRow> list(std::int64_t before, std::uint32_t limit);  // newest first; before 0: all

 private:
  Connection& db_;
};

}  // namespace headworks::store
