// The handlers of the admin API, by the file that holds them. Each answers one row of the table.
#pragma once

#include "admin/admin_routes.hpp"
#include "net/handler.hpp"

namespace headworks::admin {

// routing_endpoints.cpp: why
net::Task<Answer> post_explain(AdminContext& context, Call& call);
net::Task<Answer> list_cooldowns(AdminContext& context, Call& call);

// plugin_endpoints.cpp
net::Task<Answer> list_plugins(AdminContext& context, Call& call);
net::Task<Answer> reload_plugins(AdminContext& context, Call& call);

// exchange_endpoints.cpp
net::Task<Answer> get_exchange(AdminContext& context, Call& call);
net::Task<Answer> list_exchanges(AdminContext& context, Call& call);

// backend_endpoints.cpp
net::Task<Answer> list_backends(AdminContext& context, Call& call);
net::Task<Answer> create_backend(AdminContext& context, Call& call);
net::Task<Answer> get_backend(AdminContext& context, Call& call);
net::Task<Answer> change_backend(AdminContext& context, Call& call);
net::Task<Answer> remove_backend(AdminContext& context, Call& call);
net::Task<Answer> put_backend_status(AdminContext& context, Call& call);
net::Task<Answer> put_backend_cooldown(AdminContext& context, Call& call);
net::Task<Answer> clear_backend_cooldown(AdminContext& context, Call& call);

// pool_endpoints.cpp
net::Task<Answer> list_pools(AdminContext& context, Call& call);
net::Task<Answer> get_pool(AdminContext& context, Call& call);
net::Task<Answer> put_pool(AdminContext& context, Call& call);
net::Task<Answer> change_pool(AdminContext& context, Call& call);
net::Task<Answer> remove_pool(AdminContext& context, Call& call);
net::Task<Answer> order_pools(AdminContext& context, Call& call);
net::Task<Answer> get_pool_stats(AdminContext& context, Call& call);

// client_key_endpoints.cpp
net::Task<Answer> list_client_keys(AdminContext& context, Call& call);
net::Task<Answer> create_client_key(AdminContext& context, Call& call);
net::Task<Answer> get_client_key(AdminContext& context, Call& call);
net::Task<Answer> change_client_key(AdminContext& context, Call& call);
net::Task<Answer> remove_client_key(AdminContext& context, Call& call);
net::Task<Answer> rotate_client_key(AdminContext& context, Call& call);

// settings_endpoints.cpp
net::Task<Answer> get_settings(AdminContext& context, Call& call);
net::Task<Answer> change_settings(AdminContext& context, Call& call);
net::Task<Answer> list_prices(AdminContext& context, Call& call);
net::Task<Answer> list_bundled_prices(AdminContext& context, Call& call);
net::Task<Answer> put_prices(AdminContext& context, Call& call);
net::Task<Answer> get_config(AdminContext& context, Call& call);
net::Task<Answer> put_config(AdminContext& context, Call& call);
net::Task<Answer> list_revisions(AdminContext& context, Call& call);
net::Task<Answer> get_revision(AdminContext& context, Call& call);
net::Task<Answer> restore_revision(AdminContext& context, Call& call);
net::Task<Answer> list_audit(AdminContext& context, Call& call);

// sealed_endpoints.cpp
net::Task<Answer> export_sealed_config(AdminContext& context, Call& call);
net::Task<Answer> apply_sealed_config(AdminContext& context, Call& call);

// usage_endpoints.cpp
net::Task<Answer> get_usage(AdminContext& context, Call& call);

// access_endpoints.cpp
net::Task<Answer> list_tokens(AdminContext& context, Call& call);
net::Task<Answer> create_token(AdminContext& context, Call& call);
net::Task<Answer> remove_token(AdminContext& context, Call& call);
net::Task<Answer> begin_session(AdminContext& context, Call& call);
net::Task<Answer> get_session(AdminContext& context, Call& call);
net::Task<Answer> end_session(AdminContext& context, Call& call);

// safety_endpoints.cpp
net::Task<Answer> make_backup(AdminContext& context, Call& call);
net::Task<Answer> get_master_key(AdminContext& context, Call& call);
net::Task<Answer> add_master_key(AdminContext& context, Call& call);
net::Task<Answer> rewrap(AdminContext& context, Call& call);
net::Task<Answer> drop_master_key(AdminContext& context, Call& call);

// store_endpoints.cpp
net::Task<Answer> store_backend(AdminContext& context, Call& call);
net::Task<Answer> update_stored_backend(AdminContext& context, Call& call);

// import_endpoints.cpp
net::Task<Answer> import_sidecar(AdminContext& context, Call& call);

// event_stream.cpp
net::Task<base::Result<void>> stream_events(AdminContext& context, Call& call, const wire::RequestHead& head,
                                            net::ResponseWriter& response);

// playground.cpp
net::Task<base::Result<void>> play(AdminContext& context, Call& call, const wire::RequestHead& head,
                                   net::ResponseWriter& response);

// about_endpoint.cpp
net::Task<Answer> get_about(AdminContext& context, Call& call);

// probe_endpoints.cpp
net::Task<Answer> test_backend(AdminContext& context, Call& call);
net::Task<Answer> list_upstream_models(AdminContext& context, Call& call);

// openapi.cpp
net::Task<Answer> get_openapi(AdminContext& context, Call& call);

}  // namespace headworks::admin
