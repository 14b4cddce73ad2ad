// THE table of the admin API: method, path, least role, handler, what it takes. It routes, answers 404 and 405,
// checks queries, and describes itself as OpenAPI. To add a route: a handler and a row.
#pragma once

#include <boost/json/fwd.hpp>
#include <boost/json/value.hpp>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "admin/admin_context.hpp"
#include "catalog/document.hpp"
#include "net/handler.hpp"
#include "net/task.hpp"

namespace headworks::admin {

struct RouteRow;

// One authenticated request, judged against its row.
struct Call {
  const RouteRow* route = nullptr;
  std::vector<std::string> path;  // the values of {...}, decoded
  std::vector<std::pair<std::string, std::string>> query;
  boost::json::value body = boost::json::value(catalog::document_storage());  // null: none was sent
  Identity identity;
  std::string actor;              // its name, for the audit
  std::string address;            // of the client
  std::string session;            // the secret of its cookie; empty: none
  std::optional<std::uint64_t> if_revision;

  // Empty: not given.
  std::string_view find_query(std::string_view name) const;
};

struct Reply {
  std::uint16_t status = 200;
  std::string body = {};  // JSON; empty: none
  std::optional<std::uint64_t> revision = std::nullopt;  // of the catalog after it: the ETag
  std::string cookie = {};                               // set-cookie; empty: none
};

using Answer = base::Result<Reply>;
using Endpoint = net::Task<Answer> (*)(AdminContext& context, Call& call);
// Writes its answer as it comes, head and all; what it returns is told to the client if nothing was sent before.
using StreamEndpoint = net::Task<base::Result<void>> (*)(AdminContext& context, Call& call, const wire::RequestHead& head,
                                                         net::ResponseWriter& response);

enum class BodyRule : std::uint8_t { none, optional, required };

struct RouteRow {
  std::string_view method;
  std::string_view path;  // under /admin/v1: "/backends/{id}"
  std::string_view name;  // of the operation, as clients call it
  Role role;
  Endpoint endpoint;      // null: `stream` answers
  std::string_view summary;
  std::string_view gives;  // the schema of the answer; empty: 204
  BodyRule body = BodyRule::none;
  std::string_view takes = {};  // the schema of the body
  std::string_view query = {};  // the names it takes, with blanks between
  bool open = false;            // answered without a credential
  StreamEndpoint stream = nullptr;
};

std::span<const RouteRow> routes();

// The fields of every answer: nothing here is to be kept, framed, guessed at or run.
void write_common(wire::HeadWriter& head);

// The row for `method` and `path` (without the prefix), with the values of its {...}; or what to say instead:
// route_not_found, method_not_allowed (then `allowed` names the methods).
struct Routed {
  const RouteRow* row = nullptr;
  std::vector<std::string> values;
  std::string allowed;
};
Routed route(std::string_view method, std::string_view path);

}  // namespace headworks::admin
