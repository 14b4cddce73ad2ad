// Reads a secret out of a document: a reference or the secret itself. Used by the field tables only.
#pragma once

#include "catalog/field.hpp"

namespace headworks::catalog {

inline constexpr double kMaxSecret = 4096;  // bytes

// `secret` is left alone when the document's reference is only checked, or on a problem.
void parse_secret(const boost::json::value& value, const std::string& path, Reading& reading,
                  base::Secret& secret);

}  // namespace headworks::catalog
