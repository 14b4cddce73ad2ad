#include "store/catalog_writer.hpp"

#include "catalog/utc_time.hpp"

namespace headworks::store {

CatalogTables::CatalogTables(Connection& connection, const vault::Sealer& sealer,
                             const vault::ClientKeyHasher& key_hasher, base::WallTime at)
    : backends(connection, sealer),
      pools(connection),
      client_keys(connection),
      settings(connection),
      prices(connection),
      cooldowns(connection),
      admin_tokens(connection),
      audit(connection, key_hasher),
      hasher(key_hasher),
      wall(at),
      now(catalog::format_utc(at)) {}

catalog::Rows CatalogTables::read_rows() {
  catalog::Rows rows;
  rows.revision = audit.latest_revision();
  rows.settings = settings.read();
  rows.pools = pools.list();
  rows.backends = backends.list(std::nullopt, false, Keys::opened);
  rows.client_keys = client_keys.list();
  rows.prices = prices.list();
  rows.admin_tokens = admin_tokens.list();
  return rows;
}

base::Error CatalogWriter::stale(std::uint64_t revision) {
  return base::fail(base::ErrorKind::stale_revision,
                    "the configuration has changed meanwhile; its revision is " + std::to_string(revision));
}

base::Error CatalogWriter::handed_over() {
  base::Error error = base::fail(base::ErrorKind::draining, "another process serves from now on; send it again");
  error.retry_after = std::chrono::milliseconds{100};
  return error;
}

base::Result<void> CatalogWriter::publish_latest(Connection& db) {
  const auto current = catalog_->current();
  catalog::Rows rows = CatalogTables(db, sealer_, hasher_, clock_.wall()).read_rows();
  if (rows.revision == current->revision()) return {};
  auto snapshot = catalog::Snapshot::build(std::move(rows), current.get());
  if (!snapshot) return snapshot.error();
  catalog_->publish(*std::move(snapshot));
  return {};
}

base::Result<catalog::Catalog::SnapshotPtr> CatalogWriter::record(CatalogTables& tables,
                                                                  std::uint64_t revision,
                                                                  const std::string& actor) {
  for (Edit& edit : tables.edits)
    tables.audit.add({.revision = revision,
                      .at = tables.now,
                      .actor = actor,
                      .action = edit.action,
                      .target = edit.target,
                      .before_json = edit.before_json,
                      .after_json = edit.after_json});
  const Edit& first = tables.edits.front();
  std::string summary = first.action + " " + first.target;
  if (tables.edits.size() > 1) summary += " and " + std::to_string(tables.edits.size() - 1) + " more";
  catalog::Rows rows = tables.read_rows();
  rows.revision = revision;
  tables.audit.add_revision(
      {.number = revision, .at = tables.now, .actor = actor, .summary = std::move(summary)});
  const auto previous = catalog_ == nullptr ? nullptr : catalog_->current();
  return catalog::Snapshot::build(std::move(rows), previous.get());
}

}  // namespace headworks::store
