// What this server is: where it listens, since when, and what it is made of.
#include "admin/endpoints.hpp"
#include "admin/store_calls.hpp"
#include "catalog/utc_time.hpp"

namespace headworks::admin {

net::Task<Answer> get_about(AdminContext& context, Call&) {
  const AdminShared& shared = context.shared;
  const boost::json::object json{{"versions", boost::json::parse(shared.versions_json)},
                                 {"data_url", shared.data_url},
                                 {"admin_url", shared.admin_url},
                                 {"data_dir", shared.data_dir},
                                 {"started_at", catalog::format_utc(shared.started)}};
  co_return reply_json(json, context.snapshot()->revision());
}

}  // namespace headworks::admin
