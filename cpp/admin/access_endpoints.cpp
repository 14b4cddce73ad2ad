// Who may operate: tokens with roles, and the sessions of the dashboard.
#include "admin/body.hpp"
#include "admin/endpoints.hpp"
#include "admin/store_calls.hpp"
#include "catalog/utc_time.hpp"
#include "vault/client_key.hpp"

namespace headworks::admin {
namespace {

using base::ErrorKind;
using base::Result;
using store::CatalogTables;

boost::json::object json_of(const catalog::AdminToken& row) {
  boost::json::object json{{"id", row.id}, {"name", row.name}, {"role", name_of(row.role)}, {"hint", row.hint}};
  json["expires_at"] = row.expires_at ? boost::json::value(*row.expires_at) : boost::json::value();
  json["created_at"] = row.created_at;
  return json;
}

std::string cookie_of(std::string_view secret, std::string_view attributes) {
  std::string cookie(AdminAccess::kCookie);
  return cookie.append("=").append(secret).append("; Path=/; HttpOnly; SameSite=Strict").append(attributes);
}

Reply session_reply(const Identity& identity, std::uint64_t revision) {
  return reply_json(boost::json::object{{"name", identity.name}, {"role", name_of(identity.role)}}, revision);
}

}  // namespace

net::Task<Answer> list_tokens(AdminContext& context, Call&) {
  return answer_rows(context, [](CatalogTables& tables) {
    boost::json::array rows;
    for (const catalog::AdminToken& row : tables.admin_tokens.list()) rows.push_back(json_of(row));
    return rows;
  });
}

net::Task<Answer> create_token(AdminContext& context, Call& call) {
  const auto body = read_members(call.body, {"name", "role", "expires_at"});
  if (!body) co_return body.error();
  const auto name = find_text(**body, "name"), role = find_text(**body, "role"), expires = find_text(**body, "expires_at");
  for (const auto* read : {&name, &role, &expires})
    if (!*read) co_return read->error();
  catalog::AdminToken row;
  if (!*name || (*name)->empty() || (*name)->size() > 128) co_return wrong("$.name", "must be a name of up to 128 bytes");
  if (**name == "admin") co_return wrong("$.name", "is the name of the data directory's own token");
  const auto known = catalog::find_role(role->value_or("viewer"));
  if (!known) co_return wrong("$.role", "must be viewer, operator or admin");
  if (*expires && !catalog::parse_utc(**expires)) co_return wrong("$.expires_at", "must be a moment", "2026-01-31T09:30:00Z");
  row.name = **name, row.role = *known, row.expires_at = *expires;
  auto token = std::make_shared<const base::Secret>(vault::make_client_key());
  auto edit = [row, token](CatalogTables& tables) -> Result<boost::json::object> {
    const Result<catalog::AdminToken> made = store::create_admin_token(tables, row, *token);
    if (!made) return made.error();
    boost::json::object json = json_of(*made);
    json["token"] = token->reveal();  // this once
    return json;
  };
  auto answering = answer_change(context, call, 201, std::move(edit));
  Answer answer = co_await answering;
  co_return answer;
}

net::Task<Answer> remove_token(AdminContext& context, Call& call) {
  return answer_removal(context, call, base::fail(ErrorKind::not_found, "there is no such token"),
                        [id = call.path.front()](CatalogTables& tables) { return store::delete_admin_token(tables, id); });
}

// The one route without a credential in its head: its body holds it.
net::Task<Answer> begin_session(AdminContext& context, Call& call) {
  const auto body = read_members(call.body, {"token"});
  if (!body) co_return body.error();
  const auto token = find_text(**body, "token");
  if (!token) co_return token.error();
  const auto snapshot = context.snapshot();
  const AdminAccess::Now now{.at = context.loop.now(), .wall = context.loop.wall()};
  Result<Identity> identity = context.access.identify_token(token->value_or(""), call.address, *snapshot, now);
  if (!identity) co_return identity.error();
  Reply reply = session_reply(*identity, snapshot->revision());
  const auto age = std::chrono::duration_cast<std::chrono::seconds>(AdminAccess::kLongest).count();
  reply.cookie = cookie_of(context.access.begin_session(*std::move(identity), now.at), "; Max-Age=" + std::to_string(age));
  co_return reply;
}

net::Task<Answer> get_session(AdminContext& context, Call& call) {
  co_return session_reply(call.identity, context.snapshot()->revision());
}

net::Task<Answer> end_session(AdminContext& context, Call& call) {
  if (!call.session.empty()) context.access.end_session(call.session);
  Reply reply{.status = 204};
  reply.cookie = cookie_of("", "; Max-Age=0");
  co_return reply;
}

}  // namespace headworks::admin
