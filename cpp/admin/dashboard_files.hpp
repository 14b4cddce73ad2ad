// The files of the dashboard, as the build put them into this binary: found by path, answered with what makes a
// browser keep them. Immutable. Must not know: the admin API, who asks.
#pragma once

#include <span>
#include <string_view>

#include "net/handler.hpp"

namespace headworks::admin {

struct DashboardFile {
  std::string_view path;  // "/assets/index-4f2a.js"
  std::string_view type;
  std::string_view etag;  // without quotes; of the content
  std::string_view plain;
  std::string_view gzip;  // empty: not worth it
};

// Of the build; none: it was made without web/dist. Written by cpp/cmake/HeadworksDashboard.cmake.
std::span<const DashboardFile> dashboard_files();

// Null: there is none. "/" is the page itself, which says how to build the dashboard when it is not there.
const DashboardFile* find_dashboard_file(std::string_view path);

// Answers `file` to a GET or HEAD, or 304 to who has it.
net::Task<> send_dashboard_file(const DashboardFile& file, const wire::RequestHead& head, net::ResponseWriter& response);

}  // namespace headworks::admin
