#include "catalog/request_lines.hpp"

#include "wire/head_writer.hpp"

namespace headworks::catalog {

base::Secret make_request_lines(const Backend& row, const wire::Url& url) {
  const std::string_view key = row.api_key.reveal();
  const std::string host = url.authority();
  std::string lines;
  lines.reserve(host.size() + key.size() + 64);  // growing would leave copies behind
  wire::HeadWriter head(lines);
  head.field("host", host);
  if (!key.empty() && row.api == Api::anthropic) head.field("x-api-key", key);
  if (!key.empty() && row.api == Api::openai) {
    std::string bearer;
    bearer.reserve(key.size() + 16);
    bearer.append("Bearer ").append(key);
    head.field("authorization", bearer);
    base::wipe(bearer);
  }
  base::Secret secret(lines);
  base::wipe(lines);
  return secret;
}

}  // namespace headworks::catalog
