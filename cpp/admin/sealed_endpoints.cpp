// The configuration with its provider keys, sealed with a passphrase, out of this installation and into another. Both
// run on the store's thread: a passphrase is slow to become a key. Client keys are known as digests only, and those
// mean nothing elsewhere: new ones come with a key that nobody knows, to be rotated.
#include "admin/body.hpp"
#include "admin/endpoints.hpp"
#include "admin/store_calls.hpp"
#include "catalog/configuration.hpp"
#include "vault/passphrase_box.hpp"

namespace headworks::admin {
namespace {

using base::Result;
using store::CatalogTables;

constexpr std::string_view kSealed = "sealed";  // the member of the document

Result<std::shared_ptr<const base::Secret>> read_passphrase(const boost::json::object& body) {
  const auto text = find_text(body, "passphrase");
  if (!text) return text.error();
  if (!*text || (*text)->size() < vault::kLeastPassphrase)
    return wrong("$.passphrase", "must have at least " + std::to_string(vault::kLeastPassphrase) + " characters");
  return std::make_shared<const base::Secret>(std::string_view(**text));
}

std::string seal(CatalogTables& tables, const base::Secret& passphrase) {
  const catalog::Rows rows = tables.read_rows();
  boost::json::object keys;
  for (const catalog::Backend& row : rows.backends)
    if (!row.api_key.empty()) keys[row.name] = row.api_key.reveal();
  std::string clear = boost::json::serialize(keys);
  boost::json::object document = boost::json::parse(catalog::format_configuration(rows)).as_object();
  document[kSealed] = vault::seal_with_passphrase(clear, passphrase);
  base::wipe(clear);
  return boost::json::serialize(document);
}

struct Opened {
  std::vector<store::Edit> edits;
  std::vector<std::string> keys_missing;
};

// The document with each key at its backend, as if somebody had written it so.
Result<void> put_keys_in(boost::json::object& document, const base::Secret& passphrase) {
  const boost::json::value* box = document.if_contains(kSealed);
  if (box == nullptr || !box->is_string()) return wrong("$.document.sealed", "must be what an export sealed");
  const Result<base::Secret> clear = vault::open_with_passphrase(std::string_view(box->as_string()), passphrase);
  if (!clear) return clear.error();
  document.erase(kSealed);
  const boost::json::object keys = boost::json::parse(clear->reveal()).as_object();
  boost::json::value* backends = document.if_contains("backends");
  if (backends == nullptr || !backends->is_array()) return {};
  for (boost::json::value& each : backends->as_array()) {
    boost::json::object* backend = each.if_object();
    const boost::json::value* name = backend == nullptr ? nullptr : backend->if_contains("name");
    const boost::json::value* key = name == nullptr || !name->is_string() ? nullptr : keys.if_contains(name->as_string());
    if (key != nullptr) (*backend)["api_key"] = *key;
  }
  return {};
}

Result<Opened> open(CatalogTables& tables, boost::json::object document, const base::Secret& passphrase) {
  if (const Result<void> put = put_keys_in(document, passphrase); !put) return put.error();
  std::string text = boost::json::serialize(document);
  catalog::ParsedConfiguration parsed = catalog::parse_configuration(text, {});
  base::wipe(text);
  if (!parsed.ok()) return catalog::error_of(parsed.problems);
  Opened opened;
  for (catalog::ConfiguredClientKey& key : parsed.configuration.client_keys) {
    if (!key.key.empty() || tables.client_keys.find_by_name(key.row.name)) continue;
    key.key = vault::make_client_key();
    opened.keys_missing.push_back("client key " + key.row.name);
  }
  Result<std::vector<store::Edit>> edits = store::apply_configuration(tables, std::move(parsed.configuration));
  if (!edits) return edits.error();
  opened.edits = *std::move(edits);
  return opened;
}

}  // namespace

net::Task<Answer> export_sealed_config(AdminContext& context, Call& call) {
  const auto members = read_members(call.body, {"passphrase"});
  if (!members) co_return members.error();
  const auto passphrase = read_passphrase(**members);
  if (!passphrase) co_return passphrase.error();
  auto body = [passphrase = *passphrase](CatalogTables& tables) { return seal(tables, *passphrase); };
  auto asking = ask_store(context, std::move(body));
  Result<std::string> document = co_await asking;
  if (!document) co_return document.error();
  co_return Reply{.status = 200, .body = *std::move(document), .revision = context.snapshot()->revision()};
}

net::Task<Answer> apply_sealed_config(AdminContext& context, Call& call) {
  const auto members = read_members(call.body, {"passphrase", "document"});
  if (!members) co_return members.error();
  const auto passphrase = read_passphrase(**members);
  if (!passphrase) co_return passphrase.error();
  const boost::json::value* document = (*members)->if_contains("document");
  if (document == nullptr || !document->is_object()) co_return wrong("$.document", "must be what an export gave");
  const bool trial = call.find_query("dry_run") == "1";
  if (!trial && !call.find_query("dry_run").empty()) co_return wrong("?dry_run", "must be 1, or not there");
  auto body = [passphrase = *passphrase, document = document->as_object()](CatalogTables& tables) {
    return open(tables, document, *passphrase);
  };
  auto changing = change_store(context, call, std::move(body), trial ? Trial::yes : Trial::no);
  const Result<store::Changed<Opened>> changed = co_await changing;
  if (!changed) co_return changed.error();
  boost::json::array missing;
  for (const std::string& name : changed->value.keys_missing) missing.push_back(boost::json::string(name));
  co_return reply_json(
      {{"changes", json_of(changed->value.edits)}, {"keys_missing", std::move(missing)}, {"dry_run", trial}},
      trial ? context.snapshot()->revision() : changed->revision);
}

}  // namespace headworks::admin
