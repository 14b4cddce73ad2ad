// AdminAccess: who calls the admin API and what they may. By a bearer token (that of the data directory, or one of the
// catalog with its role), or by the cookie of a session that was begun with a token. Sessions live in memory and end
// with idleness, age, a logout, or their token. A browser's request from elsewhere is refused, and one by a name
// that is not ours (DNS rebinding). Addresses that send many wrong tokens hear 429 for longer and longer.
//
// Loop-owned. Must not know: routes.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "base/result.hpp"
#include "base/secret.hpp"
#include "catalog/snapshot.hpp"
#include "vault/client_key.hpp"
#include "wire/http_head.hpp"

namespace headworks::admin {

using catalog::Role;

struct Identity {
  Role role = Role::viewer;
  std::string name;      // for the audit
  std::string token_id;  // empty: the token of the data directory
};

class AdminAccess {
 public:
  static constexpr base::Duration kIdle = std::chrono::minutes{30};
  static constexpr base::Duration kLongest = std::chrono::hours{12};
  static constexpr std::size_t kMostSessions = 1000;     // more: the oldest ends
  static constexpr std::uint32_t kFreeMistakes = 10;     // wrong tokens of one address before it hears 429
  static constexpr std::size_t kMostAddresses = 10'000;  // whose mistakes are remembered
  static constexpr std::string_view kCookie = "headworks_session";

  // Both must outlive this.
  AdminAccess(const base::Secret& token, const vault::ClientKeyHasher& hasher) : token_(token), hasher_(hasher) {}

  struct Now {
    base::TimePoint at{};
    base::WallTime wall{};
  };

  // Kind misdirected: the request names a host that is none of ours. Addresses, "localhost" and names without a dot are
  // (no public name is one), and those of settings.admin.hosts.
  static base::Result<void> check_host(const wire::RequestHead& head, const catalog::Snapshot& snapshot);
  // Kind permission_denied: a browser sends it from another site's page. `changes`: the method may change something.
  static base::Result<void> check_origin(const wire::RequestHead& head, bool changes, bool by_cookie);

  base::Result<Identity> identify(const wire::RequestHead& head, std::string_view address, const catalog::Snapshot& snapshot,
                                  Now now);
  base::Result<Identity> identify_token(std::string_view token, std::string_view address, const catalog::Snapshot& snapshot,
                                        Now now);

  // Whether the token that `identity` came with is still good, and the session, if it is not empty, has not been ended.
  bool still_knows(const Identity& identity, std::string_view session, const catalog::Snapshot& snapshot,
                   base::WallTime wall) const;

  // The session's secret, for the cookie.
  std::string begin_session(Identity identity, base::TimePoint now);
  void end_session(std::string_view secret);
  // Of the request's cookie; empty: it has none.
  static std::string_view session_of(const wire::RequestHead& head);

 private:
  struct Session {
    Identity identity;
    base::TimePoint began{}, seen{};
  };
  struct Mistakes {
    std::uint32_t count = 0;
    base::TimePoint last{}, free_at{};
  };
  std::optional<Identity> find_token(std::string_view token, const catalog::Snapshot& snapshot, base::WallTime wall) const;
  base::Result<void> check_patience(std::string_view address, base::TimePoint now);
  void note_mistake(std::string_view address, base::TimePoint now);

  const base::Secret& token_;
  const vault::ClientKeyHasher& hasher_;
  std::map<vault::KeyDigest, Session> sessions_;  // by the secret's digest
  std::unordered_map<std::string, Mistakes> mistakes_;
};

}  // namespace headworks::admin
