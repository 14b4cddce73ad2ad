#include "store/exchange_search.hpp"

#include <algorithm>
#include <charconv>
#include <limits>
#include <utility>

#include "store/attempts_table.hpp"
#include "store/names_table.hpp"

namespace headworks::store {
namespace {

// By UsageKey; numbered, so that a search has few texts to prepare.
constexpr std::string_view kOnly =
    " AND (?1 IS NULL OR model = ?1) AND (?2 IS NULL OR backend = ?2) AND (?3 IS NULL OR client_key = ?3) "
    "AND (?4 IS NULL OR pool = ?4)";
constexpr std::int64_t kSecond = 1'000'000;  // us

class Search {
 public:
  Search(Connection& db, const ExchangeSearch& search)
      : db_(db),
        search_(search),
        until_(std::chrono::steady_clock::now() + search.time_limit),
        place_(search.before.value_or(ExchangePlace{.started_us = std::numeric_limits<std::int64_t>::max() / 2})),
        since_us_(std::chrono::floor<std::chrono::microseconds>(search.since.time_since_epoch()).count()) {}

  ExchangePage page() {
    if (!read_filters()) return {};
    if (filtered_) unsummed_us_ = db_.find_integer("SELECT unsummed_since_us FROM usage_state WHERE unsummed_since_us NOT NULL");
    bool more = true;
    while (more && ids_.size() < search_.limit && std::chrono::steady_clock::now() < until_) more = take_span();
    ExchangePage page;
    if (more) page.next = place_;
    AttemptsTable table(db_);
    for (const std::string& id : ids_)
      if (auto found = table.find(id)) page.exchanges.push_back(*std::move(found));
    return page;
  }

 private:
  // False when a name was never seen.
  bool read_filters() {
    for (const UsageKey key : kUsageKeys) {
      const auto& only = search_.only[static_cast<std::size_t>(key)];
      if (!only) continue;
      auto& id = ids_of_names_[static_cast<std::size_t>(key)];
      id = find_name(db_, *only);
      if (!id) return false;
      filtered_ = true;
    }
    filtered_ = filtered_ || search_.errors;
    return true;
  }

  // The newest span of time before place_ that holds what is looked for, as the sums know; false: there is none. What is
  // in no sum yet is a span of its own.
  bool find_span(std::int64_t& from_us, std::int64_t& to_us) {
    if (!filtered_) {
      from_us = since_us_;
      return true;
    }
    if (const auto unsummed = std::exchange(unsummed_us_, std::nullopt); unsummed && *unsummed < place_.started_us) {
      from_us = std::max(*unsummed, since_us_);
      return true;
    }
    std::int64_t last_s = (place_.started_us - (place_.request_id.empty() ? 1 : 0)) / kSecond;
    for (;;) {
      std::int64_t from_s = since_us_ / kSecond, found_s = 0;
      std::size_t level = kSumLevels.size();
      while (level-- > 0) {
        const auto found = latest(kSumLevels[level], from_s / kSumLevels[level].seconds * kSumLevels[level].seconds, last_s);
        if (!found) break;
        found_s = from_s = *found;
        if (level > 0) last_s = std::min(last_s, *found + kSumLevels[level].seconds - 1);
        if (level == 0 || !has_finer(level, *found)) {
          from_us = std::max(found_s * kSecond, since_us_);
          to_us = (found_s + kSumLevels[level].seconds) * kSecond;
          return true;
        }
      }
      if (level == kSumLevels.size() - 1) return false;
      // Of this day or hour everything lies behind place_: on to the one before.
      last_s = found_s - 1;
      if (last_s * kSecond < since_us_) return false;
    }
  }
  std::optional<std::int64_t> latest(const SumLevel& level, std::int64_t from_s, std::int64_t to_s) {
    const auto& [model, backend, key, pool] = ids_of_names_;
    // Of pairs there are no minutes, and of three names no sums: then one or two of the names lead the way.
    const bool by_backend = backend || pool;
    std::optional<std::size_t> facet = find_facet(model.has_value(), by_backend, key.has_value());
    if (!facet) facet = find_facet(model.has_value(), by_backend, false);
    const bool narrow = &level == &kSumLevels.front() && kFacets[*facet].pair();
    if (narrow) facet = find_facet(false, by_backend, !by_backend);
    std::string sql = "SELECT at_s FROM ";
    sql.append(level.table).append(" WHERE facet = ?5 AND at_s >= ?6 AND at_s <= ?7");
    sql.append(search_.errors ? " AND errors > 0" : "");
    const Facet& taken = kFacets[*facet];
    const auto only_if = [](bool known, const std::optional<std::int64_t>& id) { return known ? id : std::nullopt; };
    sql.append(kOnly).append(" ORDER BY at_s DESC LIMIT 1");
    Query found = db_.query(sql, only_if(taken.model, model), only_if(taken.backend, backend),
                            only_if(taken.client_key, key), only_if(taken.backend, pool), *facet, from_s, to_s);
    if (!found.next()) return std::nullopt;
    return found.integer(0);
  }
  // False where the finer sums are not kept any more.
  bool has_finer(std::size_t level, std::int64_t from_s) {
    Query found = db_.query("SELECT 1 FROM " + std::string(kSumLevels[level - 1].table) + " WHERE facet = 0 AND at_s >= ? AND at_s < ? LIMIT 1",
                            from_s, from_s + kSumLevels[level].seconds);
    return found.next();
  }

  // Takes from the next span; false: it was the last.
  bool take_span() {
    std::int64_t from_us = 0, to_us = std::numeric_limits<std::int64_t>::max();
    if (!find_span(from_us, to_us)) return false;
    if (to_us <= place_.started_us) place_ = {.started_us = to_us, .request_id = {}};
    const auto& [model, backend, key, pool] = ids_of_names_;
    std::string sql =
        "SELECT started_us, request_id FROM attempt_rows WHERE (started_us, request_id) < (?5, ?6) AND started_us >= ?7";
    sql.append(kOnly).append(search_.errors ? " AND exchange_error IS NOT NULL" : "");
    sql.append(" AND (?8 IS NULL OR exchange_status = ?8)");
    sql.append(" ORDER BY started_us DESC, request_id DESC");
    Query found = db_.query(sql, model, backend, key, pool, place_.started_us, place_.request_id, from_us,
                            search_.status ? std::optional<std::int64_t>(*search_.status) : std::nullopt);
    while (ids_.size() < search_.limit) {
      if (!found.next()) {
        place_ = {.started_us = from_us, .request_id = {}};
        return filtered_ && from_us > since_us_;
      }
      const std::string_view id = found.text(1);
      place_ = {.started_us = found.integer(0), .request_id = std::string(id)};
      if (ids_.empty() || ids_.back() != id) ids_.emplace_back(id);  // attempts of one exchange stand together
    }
    return true;
  }

  Connection& db_;
  const ExchangeSearch& search_;
  const std::chrono::steady_clock::time_point until_;
  ExchangePlace place_;
  const std::int64_t since_us_;
  std::array<std::optional<std::int64_t>, kUsageKeys.size()> ids_of_names_;
  bool filtered_ = false;
  std::optional<std::int64_t> unsummed_us_;  // rows from here on may be in no sum; none: all are, or were looked at
  std::vector<std::string> ids_;
};

}  // namespace

std::optional<ExchangePlace> ExchangePlace::parse(std::string_view text) {
  ExchangePlace place;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), place.started_us);
  if (failed != std::errc{} || place.started_us < 0 || end == text.data() + text.size() || *end != '.') return std::nullopt;
  place.request_id = std::string(end + 1, text.data() + text.size());
  if (!place.request_id.empty() && !base::RequestId::find_start(place.request_id)) return std::nullopt;
  return place;
}

std::string ExchangePlace::format() const { return std::to_string(started_us) + "." + request_id; }

ExchangePage search_exchanges(Connection& db, const ExchangeSearch& search) { return Search(db, search).page(); }

}  // namespace headworks::store
