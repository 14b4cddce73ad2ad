#include "admin/store_calls.hpp"

namespace headworks::admin {

Reply reply_json(const boost::json::value& body, std::uint64_t revision, std::uint16_t status) {
  return {.status = status, .body = boost::json::serialize(body), .revision = revision};
}

Reply reply_page(boost::json::array rows, std::optional<std::string> next, std::uint64_t revision) {
  boost::json::object page{{"data", std::move(rows)}, {"next", nullptr}};
  if (next) page["next"] = *next;
  return reply_json(page, revision);
}

}  // namespace headworks::admin
