// Reading what a request says: bodies of routes that are no rows, and numbers of queries. Every mistake is one
// Error that names the place and what to write instead.
#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "admin/admin_routes.hpp"
#include "base/result.hpp"

namespace headworks::admin {

base::Error wrong(std::string path, std::string message, std::string hint = {});

// An object with no other members than these.
base::Result<const boost::json::object*> read_members(const boost::json::value& body,
                                                      std::initializer_list<std::string_view> known);

// A member of such an object; none when it is not there or null. Kind bad_request when it is of another type.
base::Result<std::optional<std::string>> find_text(const boost::json::object& body, std::string_view name);
base::Result<std::optional<double>> find_number(const boost::json::object& body, std::string_view name, double least,
                                                double most);
base::Result<std::optional<bool>> find_boolean(const boost::json::object& body, std::string_view name);

// A whole number of the query, `otherwise` when it is not given.
base::Result<std::uint64_t> read_count(const Call& call, std::string_view name, std::uint64_t otherwise,
                                       std::uint64_t most);

// A moment of the query, "2026-01-31T09:30:00Z", or so long ago: "90m", "24h", "7d".
base::Result<base::WallTime> read_moment(const Call& call, std::string_view name, base::WallTime now,
                                         base::WallTime otherwise);

}  // namespace headworks::admin
