#include "admin/dashboard_files.hpp"

#include <algorithm>
#include <string>

namespace headworks::admin {
namespace {

constexpr std::string_view kIndex = "/index.html";
// Vite names them after their content.
constexpr std::string_view kHashed = "/assets/";

constexpr DashboardFile kNotBuilt{
    .path = kIndex,
    .type = "text/html; charset=utf-8",
    .etag = "not-built",
    .plain = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Headworks</title>"
             "<h1>Headworks</h1><p>The gateway runs; its dashboard is not part of this build.</p>"
             "<p>To build it, with Node 20.19 or newer: <code>npm --prefix web ci</code>, "
             "<code>npm --prefix web run build</code>, then build the gateway again. "
             "<code>make build</code> does all of this.</p>"
             "<p>The API stands under <a href=\"admin/v1/openapi.json\">/admin/v1</a>.</p></html>\n",
    .gzip = {}};

std::string_view value_of(const wire::RequestHead& head, std::string_view name) {
  for (const wire::Field& field : head.fields)
    if (wire::same_name(field.name, name)) return field.value;
  return {};
}

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ') || text.starts_with('\t')) text.remove_prefix(1);
  while (text.ends_with(' ') || text.ends_with('\t')) text.remove_suffix(1);
  return text;
}

// The first element of a comma-separated list that `is` takes.
template <class Is>
bool any_of_list(std::string_view list, Is is) {
  while (!list.empty()) {
    const std::string_view element = trimmed(list.substr(0, list.find(',')));
    list.remove_prefix(std::min(list.size(), list.find(',') == list.npos ? list.size() : list.find(',') + 1));
    if (is(element)) return true;
  }
  return false;
}

bool takes_gzip(const wire::RequestHead& head) {
  return any_of_list(value_of(head, "accept-encoding"), [](std::string_view element) {
    const std::size_t semicolon = element.find(';');
    if (!wire::same_name(trimmed(element.substr(0, semicolon)), "gzip")) return false;
    if (semicolon == element.npos) return true;
    const std::string_view quality = trimmed(element.substr(semicolon + 1));
    return quality.find_first_of("123456789") != quality.npos;  // q=0 says no
  });
}

// If-None-Match compares weakly: a proxy may have weakened the tag.
bool has_it(const wire::RequestHead& head, std::string_view quoted) {
  return any_of_list(value_of(head, "if-none-match"), [&](std::string_view tag) {
    if (tag.starts_with("W/")) tag.remove_prefix(2);
    return tag == quoted || tag == "*";
  });
}

}  // namespace

const DashboardFile* find_dashboard_file(std::string_view path) {
  if (path == "/") path = kIndex;
  const std::span<const DashboardFile> files = dashboard_files();
  const auto found = std::find_if(files.begin(), files.end(), [&](const auto& file) { return file.path == path; });
  if (found != files.end()) return &*found;
  return files.empty() && path == kIndex ? &kNotBuilt : nullptr;
}

net::Task<> send_dashboard_file(const DashboardFile& file, const wire::RequestHead& head, net::ResponseWriter& response) {
  const bool gzip = !file.gzip.empty() && takes_gzip(head);
  const std::string etag = std::string("\"").append(file.etag).append(gzip ? "-gz\"" : "\"");
  const bool known = has_it(head, etag);
  wire::HeadWriter writer = response.start(known ? 304 : 200);
  writer.field("etag", etag);
  writer.field("cache-control", file.path.starts_with(kHashed) ? "public, max-age=31536000, immutable" : "no-cache");
  writer.field("vary", "accept-encoding");
  if (!known) writer.field("content-type", file.type);
  if (!known && gzip) writer.field("content-encoding", "gzip");
  // Nothing from elsewhere, nothing inline, in nobody's frame.
  writer.field("content-security-policy",
               "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
               "font-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'");
  writer.field("x-content-type-options", "nosniff");
  writer.field("referrer-policy", "no-referrer");
  writer.field("cross-origin-opener-policy", "same-origin");
  co_await response.send(known ? std::string_view() : gzip ? file.gzip : file.plain);
}

}  // namespace headworks::admin
