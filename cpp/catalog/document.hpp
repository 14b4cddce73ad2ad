// Document: JSON text to a value, telling every syntax error with its line, and every name that stands twice
// in one object (of which a parser would silently keep the last). Documents hold keys: their memory is wiped when it
// is given back. Must not know: what the document is about.
#pragma once

#include <boost/json/value.hpp>
#include <optional>
#include <string_view>
#include <vector>

#include "catalog/problem.hpp"

namespace headworks::catalog {

// Where documents lie. Thread-safe, and there to the end of the process.
boost::json::storage_ptr document_storage();

// None when the text is not JSON. A duplicate name is a problem, but the value is answered, so that the other
// problems are told as well.
std::optional<boost::json::value> parse_document(std::string_view text, std::vector<Problem>& problems);

}  // namespace headworks::catalog
