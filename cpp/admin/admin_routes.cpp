#include "admin/admin_routes.hpp"

#include <array>

#include "admin/endpoints.hpp"
#include "wire/query.hpp"

namespace headworks::admin {
namespace {

constexpr std::string_view kPage = "before limit";

constexpr std::array kTable = {
    RouteRow{"GET", "/backends", "list_backends", Role::viewer, list_backends, "All backends, without their keys.",
             "Page", BodyRule::none, "", "pool"},
    RouteRow{"POST", "/backends", "create_backend", Role::admin, create_backend, "Makes a backend.", "Object",
             BodyRule::required, "Backend"},
    RouteRow{"GET", "/backends/{id}", "get_backend", Role::viewer, get_backend,
             "One backend, by id or name, with its live gauges.", "Object"},
    RouteRow{"PATCH", "/backends/{id}", "change_backend", Role::admin, change_backend, "Changes what is named.",
             "Object", BodyRule::required, "BackendChanges"},
    RouteRow{"DELETE", "/backends/{id}", "remove_backend", Role::admin, remove_backend, "Removes a backend.", ""},
    RouteRow{"POST", "/backends/{id}/test", "test_backend", Role::operator_, test_backend,
             "Sends its upstream a real, small request, and says how it went, with clocks.", "Object", BodyRule::optional,
             "Test"},
    RouteRow{"GET", "/backends/{id}/models", "list_upstream_models", Role::operator_, list_upstream_models,
             "The models that its upstream lists, and what they are called here.", "Page"},
    RouteRow{"PUT", "/backends/{id}/status", "set_backend_status", Role::operator_, put_backend_status,
             "Says that it is healthy, in error, or disabled.", "Object", BodyRule::required, "Status"},
    RouteRow{"PUT", "/backends/{id}/cooldown", "cool_backend", Role::operator_, put_backend_cooldown,
             "Lets it rest until a moment or for seconds, instead of whatever it rests for now.", "Object",
             BodyRule::required, "Cooldown"},
    RouteRow{"DELETE", "/backends/{id}/cooldown", "clear_backend", Role::operator_, clear_backend_cooldown,
             "Ends every cooldown of the backend, of its models and of its address.", "Object"},
    RouteRow{"GET", "/pools", "list_pools", Role::viewer, list_pools, "All pools, in the order of the tiers.", "Page"},
    RouteRow{"PUT", "/pools", "order_pools", Role::admin, order_pools,
             "Puts the tiers into this order, which names each pool once.", "Page", BodyRule::required, "PoolOrder"},
    RouteRow{"GET", "/pools/stats", "get_pool_stats", Role::viewer, get_pool_stats,
             "How many backends of each pool are well.", "Object"},
    RouteRow{"GET", "/pools/{name}", "get_pool", Role::viewer, get_pool, "One pool.", "Object"},
    RouteRow{"PUT", "/pools/{name}", "put_pool", Role::admin, put_pool,
             "Makes a pool, as the last tier, or replaces its settings.", "Object", BodyRule::required, "PoolChanges"},
    RouteRow{"PATCH", "/pools/{name}", "change_pool", Role::admin, change_pool, "Changes what is named.", "Object",
             BodyRule::required, "PoolChanges"},
    RouteRow{"DELETE", "/pools/{name}", "remove_pool", Role::admin, remove_pool,
             "Removes a pool that no backend belongs to.", ""},
    RouteRow{"GET", "/client-keys", "list_client_keys", Role::viewer, list_client_keys, "All client keys, as hints.",
             "Page"},
    RouteRow{"POST", "/client-keys", "create_client_key", Role::admin, create_client_key,
             "Makes a client key; without a `key` of its own one is made, and shown this once.", "Object",
             BodyRule::required, "ClientKeyChanges"},
    RouteRow{"GET", "/client-keys/{id}", "get_client_key", Role::viewer, get_client_key,
             "One client key, by id or name.", "Object"},
    RouteRow{"PATCH", "/client-keys/{id}", "change_client_key", Role::admin, change_client_key,
             "Changes what is named, but not the key.", "Object", BodyRule::required, "ClientKeyChanges"},
    RouteRow{"DELETE", "/client-keys/{id}", "remove_client_key", Role::admin, remove_client_key,
             "Revokes a client key.", ""},
    RouteRow{"POST", "/client-keys/{id}/rotate", "rotate_client_key", Role::admin, rotate_client_key,
             "Makes another key for it, shown this once; the old one stays good for overlap_seconds.", "Object",
             BodyRule::optional, "Rotation"},
    RouteRow{"GET", "/settings", "get_settings", Role::viewer, get_settings, "All settings, with defaults.", "Settings"},
    RouteRow{"PATCH", "/settings", "change_settings", Role::admin, change_settings, "Changes what is named.",
             "Settings", BodyRule::required, "Settings"},
    RouteRow{"GET", "/prices", "list_prices", Role::viewer, list_prices, "USD per million tokens, by model.", "Page"},
    RouteRow{"PUT", "/prices", "put_prices", Role::admin, put_prices, "Replaces the table.", "Page",
             BodyRule::required, "Prices"},
    RouteRow{"GET", "/prices/bundled", "list_bundled_prices", Role::viewer, list_bundled_prices,
             "The table that fills the gaps of the prices: by host and by what the provider calls the model, with its date "
             "and source.",
             "Page"},
    RouteRow{"GET", "/config", "export_config", Role::viewer, get_config,
             "The configuration as a document, without secrets.", "Configuration"},
    RouteRow{"PUT", "/config", "apply_config", Role::admin, put_config,
             "Applies a document as one change; with dry_run=1 says what it would change.", "Object",
             BodyRule::required, "Configuration", "dry_run"},
    RouteRow{"POST", "/config/sealed", "export_sealed_config", Role::admin, export_sealed_config,
             "The same with its provider keys, sealed with a passphrase.", "Object", BodyRule::required, "Passphrase"},
    RouteRow{"PUT", "/config/sealed", "apply_sealed_config", Role::admin, apply_sealed_config,
             "Applies such a document as one change; `keys_missing` names client keys that are to be rotated.", "Object",
             BodyRule::required, "SealedConfiguration", "dry_run"},
    RouteRow{"GET", "/revisions", "list_revisions", Role::viewer, list_revisions, "Every change, newest first.",
             "Page", BodyRule::none, "", kPage},
    RouteRow{"GET", "/revisions/{n}", "get_revision", Role::viewer, get_revision,
             "One change: each row before and after.", "Object"},
    RouteRow{"POST", "/revisions/{n}/restore", "restore_revision", Role::admin, restore_revision,
             "Brings the configuration back to what it was after a revision, as one change; with dry_run=1 says what it "
             "would change.",
             "Object", BodyRule::none, "", "dry_run"},
    RouteRow{"GET", "/audit", "list_audit", Role::viewer, list_audit, "Every changed row, newest first.", "Page",
             BodyRule::none, "", kPage},
    RouteRow{"GET", "/cooldowns", "list_cooldowns", Role::viewer, list_cooldowns,
             "Running and past, newest first, with their causes.", "Page", BodyRule::none, "", kPage},
    RouteRow{"GET", "/usage", "usage", Role::viewer, get_usage,
             "Exchanges, errors, tokens, cost and latency, by model, backend, key or pool, in steps of time.", "Page",
             BodyRule::none, "", "since until by step limit model backend key pool"},
    RouteRow{"GET", "/exchanges", "list_exchanges", Role::viewer, list_exchanges,
             "Running ones, then finished ones: newest start first, by pages.", "Page", BodyRule::none, "",
             "limit before since state errors status model backend key pool"},
    RouteRow{"GET", "/exchanges/{request_id}", "get_exchange", Role::viewer, get_exchange,
             "One with its plan, attempts, clocks and cost.", "Object"},
    RouteRow{"POST", "/explain", "explain", Role::viewer, post_explain, "The plan that would be made now.", "Object",
             BodyRule::required, "Question"},
    RouteRow{"GET", "/plugins", "list_plugins", Role::viewer, list_plugins,
             "The plug-ins in force, in the order of asking, each with its hooks and how they do.", "Page"},
    RouteRow{"POST", "/plugins/reload", "reload_plugins", Role::admin, reload_plugins,
             "Loads the plug-ins of the configuration again; when one cannot be loaded, the old ones stay.", "Page"},
    RouteRow{"GET", "/tokens", "list_tokens", Role::admin, list_tokens, "Who may operate, besides the data directory's own token.",
             "Page"},
    RouteRow{"POST", "/tokens", "create_token", Role::admin, create_token,
             "Makes a token with a role (viewer, operator or admin), shown this once.", "Object", BodyRule::required, "Token"},
    RouteRow{"DELETE", "/tokens/{id}", "remove_token", Role::admin, remove_token,
             "Revokes a token, by id or name, and the sessions that were begun with it.", ""},
    RouteRow{"POST", "/session", "begin_session", Role::viewer, begin_session,
             "Begins a session with a token: the answer sets its cookie.", "Object", BodyRule::required, "Login", "", true},
    RouteRow{"GET", "/session", "get_session", Role::viewer, get_session, "Who is asking, and with which role.", "Object"},
    RouteRow{"DELETE", "/session", "end_session", Role::viewer, end_session, "Ends the session of the cookie.", ""},
    RouteRow{"POST", "/backup", "make_backup", Role::admin, make_backup,
             "Copies both databases, each as it is at one moment, into the data directory's backups; the master key is not "
             "in it.",
             "Object"},
    RouteRow{"GET", "/master-key", "get_master_key", Role::viewer, get_master_key,
             "The master keys, how many provider keys need each, and those that none opens.", "Object"},
    RouteRow{"POST", "/master-key", "add_master_key", Role::admin, add_master_key,
             "Makes another master key; what is sealed from now on is sealed with it.", "Object"},
    RouteRow{"POST", "/master-key/rewrap", "rewrap", Role::admin, rewrap,
             "Seals every provider key with the newest master key; may be broken off and asked again.", "Object"},
    RouteRow{"DELETE", "/master-key/{kid}", "drop_master_key", Role::admin, drop_master_key,
             "Forgets a master key that no provider key needs.", "Object"},
    RouteRow{"POST", "/store/backends", "store_backend", Role::admin, store_backend,
             "Makes a backend of a whole row, as the sidecar's create_backend does.", "Object", BodyRule::required,
             "StoredRow"},
    RouteRow{"PATCH", "/store/backends/{id}", "update_stored_backend", Role::admin, update_stored_backend,
             "Changes columns of a row, as the sidecar's update_backend does: unknown ones are not applied.", "Object",
             BodyRule::required, "StoredUpdates"},
    RouteRow{"POST", "/import/sidecar", "import_sidecar", Role::admin, import_sidecar,
             "Takes over the backends of a sidecar; what is here already stays. With dry_run=1 says what it would do.",
             "Object", BodyRule::required, "SidecarRows", "dry_run"},
    RouteRow{"GET", "/about", "about", Role::viewer, get_about,
             "This server: its addresses, since when it runs, and the version of every linked library.", "Object"},
    RouteRow{"POST", "/playground", "play", Role::operator_, nullptr,
             "Sends a request to the data listener, with a client key, and hands on what it answers, as it comes.", "Object",
             BodyRule::required, "Play", "", false, play},
    RouteRow{"GET", "/events", "events", Role::viewer, nullptr,
             "What happens, as server-sent events: `sample` each second, `exchange` (at most 50 a second, then `skipped` says "
             "how many were not shown), `cooldown`, `catalog`. Last-Event-ID goes on after an exchange.",
             "Events", BodyRule::none, "", "", false, stream_events},
    RouteRow{"GET", "/openapi.json", "openapi", Role::viewer, get_openapi, "This description.", "Object"},
};

// "/a/{x}/b" against "/a/1/b".
bool matches(std::string_view pattern, std::string_view path, std::vector<std::string>& values) {
  values.clear();
  while (!pattern.empty() && !path.empty()) {
    const std::string_view wanted = pattern.substr(0, pattern.find('/', 1));
    const std::string_view given = path.substr(0, path.find('/', 1));
    if (wanted.starts_with("/{")) {
      auto value = wire::decode_percent(given.substr(1), wire::Plus::stays);
      if (!value || value->empty()) return false;
      values.push_back(*std::move(value));
    } else if (wanted != given) {
      return false;
    }
    pattern.remove_prefix(wanted.size());
    path.remove_prefix(given.size());
  }
  return pattern.empty() && path.empty();
}

}  // namespace

std::string_view Call::find_query(std::string_view name) const {
  for (const auto& [key, value] : query)
    if (key == name) return value;
  return {};
}

std::span<const RouteRow> routes() { return kTable; }

void write_common(wire::HeadWriter& head) {
  head.field("cache-control", "no-store");
  head.field("content-security-policy", "default-src 'none'; frame-ancestors 'none'");
  head.field("x-content-type-options", "nosniff");
  head.field("referrer-policy", "no-referrer");
}

Routed route(std::string_view method, std::string_view path) {
  Routed routed;
  const std::string_view asked = method == "HEAD" ? "GET" : method;
  for (const RouteRow& row : kTable) {
    if (!matches(row.path, path, routed.values)) continue;
    if (row.method == asked) {
      routed.row = &row;
      return routed;
    }
    routed.allowed.append(routed.allowed.empty() ? "" : ", ").append(row.method);
  }
  return routed;
}

}  // namespace headworks::admin
