// The migrations of both databases, in order: number n brings a file of version n to n + 1. What has been released is
// never changed; a new one is one entry at the end. Must not know: when they run, rows as values.
#pragma once

#include <span>

namespace headworks::store {

std::span<const char* const> catalog_migrations();  // headworks.db
std::span<const char* const> usage_migrations();    // usage.db

}  // namespace headworks::store
