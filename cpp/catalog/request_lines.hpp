// The header lines that every request to a backend carries: its host and its credential, by its dialect. Pure
// function: thread-safe. Must not know: what else is sent.
#pragma once

#include "base/secret.hpp"
#include "catalog/rows.hpp"
#include "wire/url.hpp"

namespace headworks::catalog {

base::Secret make_request_lines(const Backend& row, const wire::Url& url);

}  // namespace headworks::catalog
