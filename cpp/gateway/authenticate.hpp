// Who calls: the client key behind a request, from either credential header, and whether its own limits let it in.
// One door with one lock: every route passes through here. Must not know: SQL, dialects.
#pragma once

#include "base/result.hpp"
#include "catalog/snapshot.hpp"
#include "gateway/loop_context.hpp"
#include "gauges/reservation.hpp"
#include "wire/http_head.hpp"

namespace headworks::gateway {

// The credential of a request: `Authorization: Bearer KEY` or `x-api-key: KEY`. Kinds missing_credential,
// invalid_api_key (not a bearer token), bad_request (two that differ, or one header twice).
base::Result<std::string_view> find_credential(const wire::RequestHead& head);

// The enabled, unexpired key. Kinds as above, and invalid_api_key with the same text for every reason: unknown,
// disabled and expired keys are not told apart.
base::Result<const catalog::ClientKeyEntry*> authenticate(const wire::RequestHead& head,
                                                          const catalog::Snapshot& snapshot,
                                                          const vault::ClientKeyHasher& hasher, base::WallTime now);

// One start of the key's own bucket (unless the call is free) and one of its places. Kind key_rate_limited with the
// exact retry_after.
base::Result<gauges::Reservation> admit(const catalog::ClientKeyEntry& key, base::TimePoint now, gauges::Charge charge);

}  // namespace headworks::gateway
