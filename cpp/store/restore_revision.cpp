// A revision brought back: what the audit says of each row that was changed since.
#include <algorithm>
#include <boost/json.hpp>
#include <map>

#include "store/catalog_edits.hpp"
#include "vault/client_key.hpp"

namespace headworks::store {
namespace {

using base::ErrorKind;
using base::Result;
using Fault = std::optional<base::Error>;

// The state of one row at the revision; none: it was not there.
struct Past {
  std::string name;  // as the first later edit calls it
  std::optional<std::string> json;
};
// By kind of row ("backend"), then by what identifies it over renames.
using PastRows = std::map<std::string, std::map<std::string, Past>, std::less<>>;

std::string identity_of(const AuditRow& row) {
  for (const auto& json : {row.before_json, row.after_json}) {
    if (!json) continue;
    boost::system::error_code failed;
    const boost::json::value value = boost::json::parse(*json, failed);
    const boost::json::object* object = failed ? nullptr : value.if_object();
    if (object != nullptr && object->contains("id")) return std::string(object->at("id").as_string());
  }
  return row.target;
}

// Tokens of operators are not configuration, nor is what a backend rests for.
PastRows past_rows(const std::vector<AuditRow>& later) {
  PastRows past;
  for (const AuditRow& row : later) {
    const std::string kind = row.action.substr(0, row.action.find('.'));
    const std::string verb = row.action.substr(std::min(kind.size() + 1, row.action.size()));
    if (kind == "admin_token" || verb == "status" || verb == "cool" || verb == "clear") continue;
    past[kind].try_emplace(identity_of(row), Past{.name = row.target, .json = row.before_json});
  }
  return past;
}

class Restorer {
 public:
  explicit Restorer(CatalogTables& tables) : tables_(tables) {}

  Fault restore(const PastRows& past) {
    const auto each = [&](std::string_view kind, auto step) -> Fault {
      const auto rows = past.find(kind);
      if (rows == past.end()) return std::nullopt;
      for (const auto& [id, row] : rows->second)
        if (Fault fault = (this->*step)(id, row)) return fault;
      return std::nullopt;
    };
    Fault fault = each("pool", &Restorer::put_pool_back);
    if (!fault) fault = each("backend", &Restorer::remove_backend);
    if (!fault) fault = each("backend", &Restorer::put_backend_back);
    if (!fault) fault = each("client_key", &Restorer::remove_client_key);
    if (!fault) fault = each("client_key", &Restorer::put_client_key_back);
    if (!fault) fault = each("pool", &Restorer::remove_pool);
    if (!fault) fault = each("setting", &Restorer::restore_setting);
    if (!fault) fault = each("price", &Restorer::restore_price);
    return fault;
  }
  std::vector<std::string> keys_missing;

 private:
  static Fault fault_of(const catalog::Outcome& outcome) {
    return outcome.ok() ? Fault() : Fault(catalog::error_of(outcome.problems));
  }
  template <class T>
  static Fault fault_of(const Result<T>& result) {
    return result ? Fault() : Fault(result.error());
  }
  static std::string text_in(const boost::json::object& object, std::string_view name) {
    const boost::json::value* value = object.if_contains(name);
    return value != nullptr && value->is_string() ? std::string(value->as_string()) : std::string();
  }

  Fault put_pool_back(const std::string&, const Past& past) {
    if (!past.json) return std::nullopt;
    boost::json::object json = boost::json::parse(*past.json).as_object();
    catalog::Pool row;
    row.source = text_in(json, "source");
    if (const auto* position = json.if_contains("position")) row.position = position->to_number<std::int64_t>();
    catalog::drop_read_only_pool(json);
    if (Fault fault = fault_of(catalog::parse_pool(json, catalog::Completeness::whole, row))) return fault;
    return fault_of(put_pool(tables_, row));
  }
  Fault remove_pool(const std::string&, const Past& past) {
    return past.json ? Fault() : fault_of(delete_pool(tables_, past.name));
  }

  Fault remove_backend(const std::string& id, const Past& past) {
    return past.json ? Fault() : fault_of(delete_backend(tables_, id));
  }
  Fault put_backend_back(const std::string& id, const Past& past) {
    if (!past.json) return std::nullopt;
    boost::json::object json = boost::json::parse(*past.json).as_object();
    const auto there = tables_.backends.find(id, Keys::closed);
    catalog::Backend row;
    row.id = id;
    row.source = text_in(json, "source");
    row.created_at = text_in(json, "created_at");
    const bool had_key = text_in(json, "key_state") != "none";
    catalog::drop_read_only_backend(json);
    if (Fault fault = fault_of(catalog::parse_backend(json, catalog::Completeness::whole, {}, row))) return fault;
    // The stored key belongs to the origin that the row has now: it is not sent to another one.
    if (there && origin_of(*there) == origin_of(row)) {
      row.status = there->status;
      row.cooldown_until = there->cooldown_until;
      row.consecutive_429_count = there->consecutive_429_count;
      return fault_of(replace_backend(tables_, std::move(row), MovedOrigin::refuse));
    }
    if (there)
      if (Fault fault = fault_of(delete_backend(tables_, id))) return fault;
    if (had_key) keys_missing.push_back("backend " + row.name);
    return fault_of(create_backend(tables_, std::move(row), Times::kept));
  }

  Fault remove_client_key(const std::string& id, const Past& past) {
    return past.json ? Fault() : fault_of(delete_client_key(tables_, id));
  }
  Fault put_client_key_back(const std::string& id, const Past& past) {
    if (!past.json) return std::nullopt;
    boost::json::object json = boost::json::parse(*past.json).as_object();
    catalog::ConfiguredClientKey row;
    row.row.source = text_in(json, "source");
    catalog::drop_read_only_client_key(json);
    if (Fault fault = fault_of(catalog::parse_client_key(json, catalog::Completeness::partial, {}, row))) return fault;
    row.row.id = id;
    if (tables_.client_keys.find(id)) return fault_of(put_client_key(tables_, std::move(row)));
    // Nobody knows the key that it gets: it waits to be rotated.
    keys_missing.push_back("client key " + row.row.name);
    return fault_of(insert_client_key(tables_, std::move(row.row), vault::make_client_key()));
  }

  Fault restore_setting(const std::string& name, const Past& past) {
    if (past.json) return fault_of(put_settings(tables_, {{.key = name, .value_json = *past.json}}, "admin"));
    for (const SettingRow& row : tables_.settings.list()) {
      if (row.setting.key != name) continue;
      tables_.settings.remove(name);
      tables_.edits.push_back({"setting.delete", name, row.setting.value_json, std::nullopt});
    }
    return std::nullopt;
  }
  Fault restore_price(const std::string& model, const Past& past) {
    if (!past.json) return fault_of(delete_price(tables_, model));
    boost::json::object json = boost::json::parse(*past.json).as_object();
    catalog::Price row;
    row.source = text_in(json, "source");
    catalog::drop_read_only_price(json);
    if (Fault fault = fault_of(catalog::parse_price(json, catalog::Completeness::whole, row))) return fault;
    return fault_of(put_price(tables_, row));
  }

  CatalogTables& tables_;
};

}  // namespace

Result<Restored> restore_revision(CatalogTables& tables, std::uint64_t number) {
  if (number > tables.audit.latest_revision() || (number != 0 && !tables.audit.find_revision(number)))
    return base::fail(ErrorKind::not_found, "there is no such revision");
  Restorer restorer(tables);
  if (Fault fault = restorer.restore(past_rows(tables.audit.edits_after(number)))) {
    fault->message = "revision " + std::to_string(number) + " cannot be brought back: " + fault->message;
    return *std::move(fault);
  }
  return Restored{.edits = tables.edits, .keys_missing = std::move(restorer.keys_missing)};
}

}  // namespace headworks::store
