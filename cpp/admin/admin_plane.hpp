// AdminPlane: the handler of the admin listener: health, metrics, and the admin API behind its token. Loop-owned.
// Must not know: what the routes do.
#pragma once

#include "admin/admin_context.hpp"
#include "admin/admin_routes.hpp"
#include "net/handler.hpp"

namespace headworks::admin {

class AdminPlane final : public net::Handler {
 public:
  // All must outlive the plane.
  AdminPlane(AdminShared& shared, net::EventLoop& loop, net::UpstreamClient& upstreams) : access_(shared.admin_token, shared.store.key_hasher()), context_{.shared = shared, .access = access_, .loop = loop, .upstreams = upstreams} {}

  net::Task<> handle(net::Request& request, net::ResponseWriter& response) override;
  void refuse(const base::Error& error, std::string_view target, wire::HeadWriter& head,
              std::string& body) override;

 private:
  net::Task<> answer_plain(net::Request& request, net::ResponseWriter& response);
  net::Task<> answer_api(net::Request& request, net::ResponseWriter& response);
  // Reads and judges everything about `request` but its credential.
  net::Task<base::Result<void>> read_call(net::Request& request, Call& call);
  // Who calls, and whether they may call this row.
  base::Result<void> authenticate(const net::Request& request, Call& call);

  // Nobody is shown a live provider key, whatever it stands in.
  void mask_secrets(std::string& body, std::string_view sink);

  AdminAccess access_;
  AdminContext context_;
};

}  // namespace headworks::admin
