// The admin API described by its own table (OpenAPI 3.1), with the schemas of the rows' own tables.
#pragma once

#include <string>

namespace headworks::admin {

std::string describe_api();

}  // namespace headworks::admin
