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

boost::json::value parsed_or_text(const std::optional<std::string>& json) {
  if (!json) return nullptr;
  boost::system::error_code failed;
  boost::json::value value = boost::json::parse(*json, failed);
  return failed ? boost::json::value(*json) : value;
}

boost::json::array json_of(const std::vector<store::Edit>& edits) {
  boost::json::array rows;
  for (const store::Edit& edit : edits)
    rows.push_back({{"action", edit.action},
                    {"target", edit.target},
                    {"before", parsed_or_text(edit.before_json)},
                    {"after", parsed_or_text(edit.after_json)}});
  return rows;
}

}  // namespace headworks::admin
