#include "admin/admin_access.hpp"

#include <algorithm>

#include "catalog/utc_time.hpp"

namespace headworks::admin {
namespace {

using base::ErrorKind;
using base::fail;
using base::Result;

std::string_view value_of(const wire::RequestHead& head, std::string_view name) {
  for (const wire::Field& field : head.fields)
    if (wire::same_name(field.name, name)) return field.value;
  return {};
}

// "name:1234", "[::1]:1234" without the port.
std::string_view without_port(std::string_view host) {
  if (host.starts_with('[')) return host.substr(0, host.find(']') == host.npos ? host.size() : host.find(']') + 1);
  return host.substr(0, host.find(':'));
}

bool is_address(std::string_view host) {
  return host.starts_with('[') ||
         (!host.empty() && host.find_first_not_of("0123456789.") == host.npos && host.find('.') != host.npos);
}

bool is_one_of(std::string_view name, std::string_view names) {
  while (!names.empty()) {
    const std::string_view each = names.substr(0, names.find(' '));
    names.remove_prefix(std::min(each.size() + 1, names.size()));
    if (!each.empty() && wire::same_name(name, each)) return true;
  }
  return false;
}

}  // namespace

Result<void> AdminAccess::check_host(const wire::RequestHead& head, const catalog::Snapshot& snapshot) {
  const std::string_view host = without_port(value_of(head, "host"));
  if (is_address(host) || host.find('.') == host.npos || is_one_of(host, snapshot.settings().admin.hosts)) return {};
  base::Error error = fail(ErrorKind::misdirected, "the admin listener is not called '" + std::string(host.substr(0, 253)) + "'");
  error.hint = "settings.admin.hosts names the hosts that it answers to";
  return error;
}

// https://web.dev/articles/fetch-metadata; older browsers send Origin alone.
Result<void> AdminAccess::check_origin(const wire::RequestHead& head, bool changes, bool by_cookie) {
  const std::string_view site = value_of(head, "sec-fetch-site");
  const std::string_view origin = value_of(head, "origin");
  const base::Error elsewhere = fail(ErrorKind::permission_denied, "this request comes from another site's page");
  if (!site.empty()) {
    if (site == "same-origin" || (site == "none" && !changes)) return {};
    if (changes || by_cookie) return elsewhere;
    return {};
  }
  if (!origin.empty()) {
    const std::size_t slashes = origin.find("//");
    const bool ours = slashes != origin.npos && wire::same_name(origin.substr(slashes + 2), value_of(head, "host"));
    if (!ours && (changes || by_cookie)) return elsewhere;
    return {};
  }
  if (changes && by_cookie) return elsewhere;  // every browser says where a change comes from
  return {};
}

std::optional<Identity> AdminAccess::find_token(std::string_view token, const catalog::Snapshot& snapshot,
                                                base::WallTime wall) const {
  if (token.size() > 512) return std::nullopt;
  // Both are hashed, so that the time tells neither length nor place of a difference.
  const vault::KeyDigest digest = hasher_.digest(token);
  std::optional<Identity> found;
  if (vault::equal(digest, hasher_.digest(token_.reveal()))) found = Identity{.role = Role::admin, .name = "admin", .token_id = {}};
  for (const catalog::AdminToken& row : snapshot.admin_tokens()) {
    if (!vault::equal(digest, row.digest)) continue;
    const auto until = row.expires_at ? catalog::parse_utc(*row.expires_at) : std::nullopt;
    if (!until || wall < *until) found = Identity{.role = row.role, .name = row.name, .token_id = row.id};
  }
  return found;
}

Result<void> AdminAccess::check_patience(std::string_view address, base::TimePoint now) {
  const auto found = mistakes_.find(std::string(address));
  if (found == mistakes_.end() || found->second.free_at <= now) return {};
  base::Error error = fail(ErrorKind::too_many_wrong_tokens, "too many wrong tokens came from this address");
  error.retry_after = found->second.free_at - now;
  return error;
}

// The first ones are free; then 1 s, 2 s, ... a minute. A quiet quarter of an hour forgives.
void AdminAccess::note_mistake(std::string_view address, base::TimePoint now) {
  constexpr base::Duration kForgiven = std::chrono::minutes{15};
  if (mistakes_.size() >= kMostAddresses) {
    std::erase_if(mistakes_, [&](const auto& entry) { return entry.second.last + kForgiven < now; });
    if (mistakes_.size() >= kMostAddresses) mistakes_.erase(mistakes_.begin());
  }
  Mistakes& mistakes = mistakes_[std::string(address)];
  if (mistakes.last + kForgiven < now) mistakes.count = 0;
  mistakes.last = now;
  if (++mistakes.count <= kFreeMistakes) return;
  const std::uint32_t doublings = std::min(mistakes.count - kFreeMistakes - 1, 6U);
  mistakes.free_at = now + std::min<base::Duration>(std::chrono::seconds{1U << doublings}, std::chrono::minutes{1});
}

Result<Identity> AdminAccess::identify_token(std::string_view token, std::string_view address,
                                             const catalog::Snapshot& snapshot, Now now) {
  // A right token is always heard: nobody guesses 256 bits, and nobody can lock an operator out.
  if (std::optional<Identity> found = find_token(token, snapshot, now.wall)) return *std::move(found);
  if (Result<void> patient = check_patience(address, now.at); !patient) return patient.error();
  note_mistake(address, now.at);
  return fail(ErrorKind::invalid_api_key, "this is no token of the admin API");
}

Result<Identity> AdminAccess::identify(const wire::RequestHead& head, std::string_view address,
                                       const catalog::Snapshot& snapshot, Now now) {
  if (const wire::Field* field = head.find(wire::FieldId::authorization)) {
    constexpr std::string_view kScheme = "bearer ";
    const std::string_view value = field->value;
    const bool bearer = value.size() > kScheme.size() && wire::same_name(value.substr(0, kScheme.size() - 1), "bearer") &&
                        value[kScheme.size() - 1] == ' ';
    return identify_token(bearer ? value.substr(kScheme.size()) : std::string_view(), address, snapshot, now);
  }
  if (const std::string_view secret = session_of(head); !secret.empty() && secret.size() <= 128) {
    const auto found = sessions_.find(hasher_.digest(secret));
    if (found != sessions_.end()) {
      Session& session = found->second;
      const bool known = still_knows(session.identity, {}, snapshot, now.wall);
      if (known && now.at < session.seen + kIdle && now.at < session.began + kLongest) {
        session.seen = now.at;
        return session.identity;
      }
      sessions_.erase(found);
    }
    return fail(ErrorKind::invalid_api_key, "the session has ended; log in again");
  }
  base::Error error = fail(ErrorKind::missing_credential, "the admin API needs a token");
  error.hint = "Authorization: Bearer TOKEN; the token stands in admin.token of the data directory, or is HEADWORKS_ADMIN_TOKEN";
  return error;
}

bool AdminAccess::still_knows(const Identity& identity, std::string_view session, const catalog::Snapshot& snapshot,
                              base::WallTime wall) const {
  if (!session.empty() && !sessions_.contains(hasher_.digest(session))) return false;
  if (identity.token_id.empty()) return true;
  const auto& tokens = snapshot.admin_tokens();
  const auto token = std::find_if(tokens.begin(), tokens.end(), [&](const auto& row) { return row.id == identity.token_id; });
  if (token == tokens.end()) return false;
  const auto until = token->expires_at ? catalog::parse_utc(*token->expires_at) : std::nullopt;
  return !until || wall < *until;
}

std::string AdminAccess::begin_session(Identity identity, base::TimePoint now) {
  std::erase_if(sessions_, [&](const auto& entry) {
    return entry.second.seen + kIdle <= now || entry.second.began + kLongest <= now;
  });
  if (sessions_.size() >= kMostSessions)
    sessions_.erase(std::min_element(sessions_.begin(), sessions_.end(), [](const auto& one, const auto& other) {
      return one.second.seen < other.second.seen;
    }));
  const base::Secret secret = vault::make_client_key();  // 256 bits of the same randomness
  sessions_[hasher_.digest(secret.reveal())] = {.identity = std::move(identity), .began = now, .seen = now};
  return std::string(secret.reveal());
}

void AdminAccess::end_session(std::string_view secret) { sessions_.erase(hasher_.digest(secret)); }

std::string_view AdminAccess::session_of(const wire::RequestHead& head) {
  std::string_view cookies = value_of(head, "cookie");
  while (!cookies.empty()) {
    std::string_view pair = cookies.substr(0, cookies.find(';'));
    cookies.remove_prefix(std::min(pair.size() + 1, cookies.size()));
    while (pair.starts_with(' ')) pair.remove_prefix(1);
    if (pair.starts_with(kCookie) && pair.substr(kCookie.size()).starts_with('=')) return pair.substr(kCookie.size() + 1);
  }
  return {};
}

}  // namespace headworks::admin
