#include "store/admin_tokens_table.hpp"

#include <algorithm>

namespace headworks::store {
namespace {

constexpr std::string_view kSelect = "SELECT id, name, role, digest, hint, expires_at, created_at FROM admin_tokens ";

catalog::AdminToken read_row(const Query& row) {
  catalog::AdminToken out;
  out.id = row.string(0);
  out.name = row.string(1);
  out.role = catalog::find_role(row.text(2)).value_or(catalog::Role::viewer);
  const Blob digest = row.blob(3);
  std::copy_n(digest.begin(), std::min(digest.size(), out.digest.size()), out.digest.begin());
  out.hint = row.string(4);
  out.expires_at = row.optional_text(5);
  out.created_at = row.string(6);
  return out;
}

}  // namespace

std::vector<catalog::AdminToken> AdminTokensTable::list() {
  std::vector<catalog::AdminToken> rows;
  for (Query found = db_.query(std::string(kSelect) + "ORDER BY created_at, rowid"); found.next();)
    rows.push_back(read_row(found));
  return rows;
}

std::optional<catalog::AdminToken> AdminTokensTable::find(std::string_view id_or_name) {
  Query found = db_.query(std::string(kSelect) + "WHERE id = ?1 OR name = ?1", id_or_name);
  if (!found.next()) return std::nullopt;
  return read_row(found);
}

void AdminTokensTable::insert(const catalog::AdminToken& row) {
  db_.change("INSERT INTO admin_tokens (id, name, role, digest, hint, expires_at, created_at) VALUES (?,?,?,?,?,?,?)", row.id,
             row.name, name_of(row.role), row.digest, row.hint, row.expires_at, row.created_at);
}

bool AdminTokensTable::remove(std::string_view id) {
  return db_.change("DELETE FROM admin_tokens WHERE id = ?", id) != 0;
}

}  // namespace headworks::store
