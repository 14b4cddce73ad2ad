#include "gateway/authenticate.hpp"

namespace headworks::gateway {
namespace {

using base::ErrorKind;
using base::fail;
using base::Result;

constexpr std::size_t kMaxCredential = 512;  // longer ones are not even hashed

base::Error wrong_key() {
  return fail(ErrorKind::invalid_api_key, "the API key is not valid here; keys are made with: headworks keys create");
}

}  // namespace

Result<std::string_view> find_credential(const wire::RequestHead& head) {
  const wire::Field* bearer = nullptr;
  const wire::Field* api_key = nullptr;
  for (const wire::Field& field : head.fields) {
    const wire::Field** slot = field.traits.id == wire::FieldId::authorization ? &bearer
                               : field.traits.id == wire::FieldId::x_api_key   ? &api_key
                                                                               : nullptr;
    if (slot == nullptr) continue;
    if (*slot != nullptr) return fail(ErrorKind::bad_request, "a credential header is given more than once");
    *slot = &field;
  }
  if (bearer == nullptr && api_key == nullptr)
    return fail(ErrorKind::missing_credential, "an API key is needed: Authorization: Bearer KEY, or x-api-key: KEY");
  std::string_view token;
  if (bearer != nullptr) {
    static constexpr std::string_view kScheme = "bearer ";
    const std::string_view value = bearer->value;
    if (value.size() <= kScheme.size() || !wire::same_name(value.substr(0, kScheme.size()), kScheme)) return wrong_key();
    token = value.substr(kScheme.size());
    while (!token.empty() && token.front() == ' ') token.remove_prefix(1);
    if (token.empty() || token.find(' ') != std::string_view::npos) return wrong_key();
  }
  if (api_key != nullptr) {
    if (bearer != nullptr && token != api_key->value)
      return fail(ErrorKind::bad_request, "Authorization and x-api-key hold different keys");
    token = api_key->value;
  }
  if (token.empty() || token.size() > kMaxCredential) return wrong_key();
  return token;
}

Result<const catalog::ClientKeyEntry*> authenticate(const wire::RequestHead& head, const catalog::Snapshot& snapshot,
                                                    const vault::ClientKeyHasher& hasher, base::WallTime now) {
  const Result<std::string_view> token = find_credential(head);
  if (!token) return token.error();
  const catalog::ClientKeyEntry* key = snapshot.find_client_key(hasher.digest(*token), now);
  if (key == nullptr || !key->row.enabled) return wrong_key();
  return key;
}

Result<gauges::Reservation> admit(const catalog::ClientKeyEntry& key, base::TimePoint now, gauges::Charge charge) {
  auto reservation = gauges::Reservation::take(*key.gauge, key.row.max_in_flight, now, {.charge = charge});
  if (reservation) return std::move(*reservation);
  if (reservation.error() == gauges::Refusal::in_flight) {
    base::Error error = fail(ErrorKind::key_rate_limited, "this API key has its max_in_flight requests under way");
    error.retry_after = std::chrono::seconds(1);
    return error;
  }
  const bool tokens = reservation.error() == gauges::Refusal::tokens;
  base::Error error = fail(ErrorKind::key_rate_limited, tokens ? "this API key has used its tpm_limit"
                                                               : "this API key has used its rpm_limit");
  error.retry_after = (tokens ? key.gauge->tokens().earliest(0, now) : key.gauge->bucket().earliest(now)) - now;
  return error;
}

}  // namespace headworks::gateway
