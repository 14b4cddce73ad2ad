// The header lines that every request to a backend carries: its host and its credential, by its dialect. Immutable
// input, pure function: thread-safe. Must not know: what else is sent.
#pragma once

#include "base/secret.hpp"
#include "catalog/snapshot.hpp"

namespace headworks::catalog {

base::Secret make_upstream_lines(const BackendEntry& entry);

}  // namespace headworks::catalog
