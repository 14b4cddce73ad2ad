#include "catalog/upstream_lines.hpp"

#include "wire/head_writer.hpp"

namespace headworks::catalog {

base::Secret make_upstream_lines(const BackendEntry& entry) {
  std::string lines;
  wire::HeadWriter head(lines);
  head.field("host", entry.url.authority());
  if (!entry.row.api_key.empty()) {
    if (entry.row.api == Api::anthropic) {
      head.field("x-api-key", entry.row.api_key.reveal());
    } else {
      std::string bearer = "Bearer ";
      bearer += entry.row.api_key.reveal();
      head.field("authorization", bearer);
      base::wipe(bearer);
    }
  }
  base::Secret secret(lines);
  base::wipe(lines);
  return secret;
}

}  // namespace headworks::catalog
