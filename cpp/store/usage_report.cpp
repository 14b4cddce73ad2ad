#include "store/usage_report.hpp"

#include <algorithm>
#include <tuple>
#include <unordered_map>

#include "store/names_table.hpp"

namespace headworks::store {
namespace {

constexpr std::array<std::string_view, 4> kNames = {"model", "backend", "key", "pool"};
// By UsageKey; numbered, so that the question has few texts to prepare.
constexpr std::string_view kOnly =
    " AND (?1 IS NULL OR model = ?1) AND (?2 IS NULL OR backend = ?2) AND (?3 IS NULL OR client_key = ?3) "
    "AND (?4 IS NULL OR pool = ?4)";
constexpr std::array<std::int64_t SumKey::*, 4> kIds = {&SumKey::model, &SumKey::backend, &SumKey::client_key,
                                                        &SumKey::pool};
constexpr std::array<std::string_view, 4> kSteps = {"", "minute", "hour", "day"};
constexpr std::array<std::int64_t, 4> kStepSeconds = {0, 60, 3600, 86'400};
constexpr std::int64_t kFarS = std::int64_t{1} << 40;  // a moment beyond every other

std::int64_t floor_to(std::int64_t at_s, std::int64_t step) { return at_s - ((at_s % step) + step) % step; }
std::int64_t ceil_to(std::int64_t at_s, std::int64_t step) { return floor_to(at_s + step - 1, step); }
base::WallTime wall_of(std::int64_t at_s) { return base::WallTime{std::chrono::seconds{at_s}}; }

struct Segment {
  const SumLevel* level;
  std::int64_t from, to;
};

// [from, to) by the coarsest whole steps, its ends by finer ones. `level`: the coarsest to try; `finest`: the last.
void cover(std::int64_t from, std::int64_t to, std::size_t level, std::size_t finest, std::vector<Segment>& segments) {
  if (from >= to) return;
  const std::int64_t step = kSumLevels[level].seconds;
  const std::int64_t first = ceil_to(from, step), last = floor_to(to, step);
  if (level == finest || first < last) {
    if (level > finest) cover(from, first, level - 1, finest, segments);
    segments.push_back({&kSumLevels[level], first, last});
    if (level > finest) cover(last, to, level - 1, finest, segments);
  } else {
    cover(from, to, level - 1, finest, segments);
  }
}

// The finest step that is still kept of this moment: what is older is forgotten, the finest first.
std::int64_t step_at(std::int64_t at_s, const std::array<std::int64_t, kSumLevels.size()>& oldest) {
  for (std::size_t level = 0; level < kSumLevels.size(); ++level)
    if (at_s >= oldest[level]) return kSumLevels[level].seconds;
  return kSumLevels.front().seconds;  // before everything
}

class Report {
 public:
  Report(Connection& db, const UsageQuestion& question) : db_(db), question_(question) {}

  UsageAnswer answer() {
    const auto facet = find_facet(asks(UsageKey::model), asks(UsageKey::backend) || asks(UsageKey::pool), asks(UsageKey::key));
    const std::size_t finest = !facet || !kFacets[*facet].pair() ? 0 : 1;
    const auto [from, to] = span(finest);
    UsageAnswer answer{.since = wall_of(from), .until = wall_of(to)};
    if (read_filters()) {
      if (!facet || (finest == 1 && question_.step == UsageStep::minute)) {
        read_rows(from, to);
      } else {
        std::vector<Segment> segments;
        const auto step = static_cast<std::size_t>(question_.step);
        cover(from, to, step == 0 ? kSumLevels.size() - 1 : step - 1, finest, segments);
        for (const Segment& segment : segments) read(segment, *facet);
      }
    }
    // A question for the one sum of everything has an answer, also when it is nothing.
    if (question_.by.empty() && question_.step == UsageStep::none) groups_[SumKey{}];
    finish(answer);
    return answer;
  }

 private:
  bool asks(UsageKey key) const {
    return question_.only[static_cast<std::size_t>(key)] ||
           std::find(question_.by.begin(), question_.by.end(), key) != question_.by.end();
  }

  // What the answer covers: whole steps of what is kept, and of what was asked for.
  std::pair<std::int64_t, std::int64_t> span(std::size_t finest) {
    const auto seconds = [](base::WallTime at) {
      return std::chrono::floor<std::chrono::seconds>(at.time_since_epoch()).count();
    };
    std::array<std::int64_t, kSumLevels.size()> oldest{};
    for (std::size_t level = 0; level < oldest.size(); ++level)
      oldest[level] = db_.find_integer("SELECT coalesce(min(at_s), " + std::to_string(kFarS) + ") FROM " +
                                       std::string(kSumLevels[level].table) + " WHERE facet = 0")
                          .value_or(kFarS);
    const std::int64_t since = std::max<std::int64_t>(seconds(question_.since), 0);
    const std::int64_t until = std::clamp<std::int64_t>(seconds(question_.until), 0, kFarS);
    if (question_.step == UsageStep::minute) {
      const std::int64_t kept = oldest[0] == kFarS ? since : std::min(oldest[0], until);
      return {floor_to(std::max(since, kept), 60), ceil_to(until, 60)};
    }
    const std::int64_t least = std::max(kSumLevels[finest].seconds, kStepSeconds[static_cast<std::size_t>(question_.step)]);
    const std::int64_t from = floor_to(since, std::max(step_at(since, oldest), least));
    return {from, std::max(from, ceil_to(until, std::max(step_at(until, oldest), least)))};
  }

  // False when a name was never seen: nothing can be of it.
  bool read_filters() {
    for (const UsageKey key : kUsageKeys) {
      const auto& only = question_.only[static_cast<std::size_t>(key)];
      if (!only) continue;
      const auto id = find_name(db_, *only);
      if (!id) return false;
      only_[static_cast<std::size_t>(key)] = id;
    }
    return true;
  }

  void read(const Segment& segment, std::size_t facet) {
    std::string sql = "SELECT at_s, model, backend, pool, client_key, ";
    sql.append(kSumColumns).append(" FROM ").append(segment.level->table);
    sql.append(" WHERE facet = ?5 AND at_s >= ?6 AND at_s < ?7").append(kOnly);
    const auto& [model, backend, key, pool] = only_;
    Query found = db_.query(sql, model, backend, key, pool, facet, segment.from, segment.to);
    while (found.next()) add_sums(found, 5, groups_[group_of(found, found.integer(0))]);
  }

  void read_rows(std::int64_t from, std::int64_t to) {
    std::string sql = "SELECT started_us, model, backend, pool, client_key, ";
    sql.append(kAttemptColumns).append(" FROM attempt_rows WHERE started_us >= ?5 AND started_us < ?6").append(kOnly);
    const auto& [model, backend, key, pool] = only_;
    constexpr std::int64_t kSecond = 1'000'000;
    Query found = db_.query(sql, model, backend, key, pool, from * kSecond, to * kSecond);
    while (found.next()) groups_[group_of(found, found.integer(0) / kSecond)].add(read_attempt(found, 5));
  }

  SumKey group_of(const Query& row, std::int64_t at_s) const {
    const SumKey whole{.model = row.integer(1), .backend = row.integer(2), .pool = row.integer(3), .client_key = row.integer(4)};
    SumKey group;
    const std::int64_t step = kStepSeconds[static_cast<std::size_t>(question_.step)];
    if (step != 0) group.at_s = floor_to(at_s, step);
    for (const UsageKey key : question_.by) group.*kIds[static_cast<std::size_t>(key)] = whole.*kIds[static_cast<std::size_t>(key)];
    return group;
  }

  void finish(UsageAnswer& answer) {
    using Group = std::pair<const SumKey, Sums>;
    std::vector<const Group*> sorted;
    for (const Group& group : groups_) sorted.push_back(&group);
    const auto rank = [](const Group* group) {
      const auto& [key, sums] = *group;
      return std::tuple(-key.at_s, -sums.cost_micro_usd, -sums.attempts, key.model, key.backend, key.client_key, key.pool);
    };
    std::sort(sorted.begin(), sorted.end(), [&](const Group* a, const Group* b) { return rank(a) < rank(b); });
    answer.more = sorted.size() > question_.limit;
    sorted.resize(std::min<std::size_t>(sorted.size(), question_.limit));
    for (const Group* group : sorted) {
      UsageRow& row = answer.rows.emplace_back();
      if (question_.step != UsageStep::none) row.at = wall_of(group->first.at_s);
      for (const UsageKey key : question_.by) row.by.push_back(text_of(group->first.*kIds[static_cast<std::size_t>(key)]));
      row.sums = group->second;
    }
  }

  std::string text_of(std::int64_t id) {
    auto [known, is_new] = texts_.try_emplace(id);
    if (is_new)
      if (Query found = db_.query("SELECT text FROM names WHERE id = ?", id); found.next()) known->second = found.string(0);
    return known->second;
  }

  Connection& db_;
  const UsageQuestion& question_;
  std::array<std::optional<std::int64_t>, kUsageKeys.size()> only_;
  std::unordered_map<SumKey, Sums, SumKeyHash> groups_;
  std::unordered_map<std::int64_t, std::string> texts_;
};

}  // namespace

std::string_view name_of(UsageKey key) { return kNames[static_cast<std::size_t>(key)]; }

std::optional<UsageKey> find_usage_key(std::string_view name) {
  const auto found = std::find(kNames.begin(), kNames.end(), name);
  return found == kNames.end() ? std::nullopt : std::optional(static_cast<UsageKey>(found - kNames.begin()));
}

std::optional<UsageStep> find_usage_step(std::string_view name) {
  const auto found = std::find(kSteps.begin(), kSteps.end(), name);
  return found == kSteps.end() ? std::nullopt : std::optional(static_cast<UsageStep>(found - kSteps.begin()));
}

UsageAnswer sum_usage(Connection& db, const UsageQuestion& question) { return Report(db, question).answer(); }

}  // namespace headworks::store
