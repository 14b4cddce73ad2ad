// The tables `revisions` (one per change of the configuration) and `audit` (each row that it changed, before
// and after: the difference of a revision, and what undoing it needs). Append-only; neither ever holds a
// secret. Each audit row carries a keyed digest of itself and of the one before it: who can write the file but has no
// master key can cut off its end, and do nothing else unseen. Same rules as every *_table.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/sqlite.hpp"
#include "vault/client_key.hpp"

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
  // `hasher` must outlive the table.
  AuditTable(Connection& db, const vault::ClientKeyHasher& hasher) : db_(db), hasher_(hasher) {}
  std::uint64_t latest_revision();  // 0: none yet
  void add_revision(const Revision& revision);
  void add(const AuditRow& row);                                               // gives the id itself
  // The first row that does not follow from the one before it: changed, put in or taken out from outside. Rows that are
  // older than the chain (version 5 of the file) are before it.
  std::optional<std::int64_t> find_broken();
  std::vector<Revision> revisions(std::uint64_t before, std::uint32_t limit);  // newest first; before 0: all
  std::optional<Revision> find_revision(std::uint64_t number);
  std::vector<AuditRow> edits_of(std::uint64_t revision);  // in the order in which they were made
  std::vector<AuditRow> edits_after(std::uint64_t revision);  // of all later ones, in the order in which they were made
  std::vector<AuditRow> list(std::int64_t before, std::uint32_t limit);  // newest first; before 0: all

 private:
  vault::KeyDigest digest_of(Blob previous, const AuditRow& row) const;

  Connection& db_;
  const vault::ClientKeyHasher& hasher_;
};

}  // namespace headworks::store
