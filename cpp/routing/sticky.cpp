#include "routing/sticky.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <numeric>
#include <optional>
#include <vector>

namespace headworks::routing {
namespace {

// splitmix64's finalizer: every bit of both decides every bit of the result.
std::uint64_t mix(std::uint64_t value) {
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9ULL;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebULL;
  return value ^ (value >> 31);
}

// FNV-1a: the same on every machine and in every version, so that a restart moves nobody.
std::uint64_t hash_of(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  return hash;
}

constexpr std::uint32_t kGroup = 10;  // so many are compared with each other
constexpr int kGroupsAsked = 4;       // when a whole group is out

class Sticky final : public Strategy {
 public:
  explicit Sticky(const catalog::Tier& tier) {
    std::vector<Member> members;
    for (std::uint32_t index = 0; index < tier.targets.size(); ++index) {
      const catalog::Backend& row = tier.targets[index].backend->row;
      members.push_back({.hash = mix(hash_of(row.id)), .weight = std::max<std::uint32_t>(row.weight, 1), .index = index});
      hash_of_index_.push_back(members.back().hash);
      weight_of_index_.push_back(members.back().weight);
    }
    equal_ = std::all_of(members.begin(), members.end(),
                         [&](const Member& member) { return member.weight == members.front().weight; });
    std::sort(members.begin(), members.end(), [](const Member& a, const Member& b) { return a.hash < b.hash; });
    for (const Member& member : members) {
      hashes_.push_back(member.hash);
      indexes_.push_back(member.index);
    }
    split(members, 0, static_cast<std::uint32_t>(members.size()), 63);
  }

  std::uint32_t propose(const TargetSet& left, const Asked& asked) override {
    if (asked.affinity == 0)
      return left.first_from(
          static_cast<std::uint32_t>(turn_.fetch_add(1, std::memory_order_relaxed) % hashes_.size()));
    const std::uint64_t salt = mix(asked.affinity);
    for (std::uint64_t ask = 0; ask < kGroupsAsked; ++ask) {
      const Node& group = find_group(mix(asked.affinity + ask * 0x9e3779b97f4a7c15ULL));
      if (equal_) {  // the best of all is nearly always left
        const std::uint32_t first = indexes_[first_of(group, salt)];
        if (left.contains(first)) return first;
      }
      if (const auto best = best_of(group.first, group.last, left, salt)) return *best;
    }
    return *best_of(0, static_cast<std::uint32_t>(hashes_.size()), left, salt);
  }
  double score(std::uint32_t index, const Asked& asked) const override {
    return asked.affinity == 0 ? 0 : score_of(index, hash_of_index_[index], mix(asked.affinity));
  }

 private:
  // A mixed word decides three levels.
  static constexpr int kShareBits = 21;
  static constexpr std::uint64_t kWhole = std::uint64_t{1} << kShareBits;

  struct Member {
    std::uint64_t hash = 0;
    std::uint32_t weight = 1;
    std::uint32_t index = 0;  // in the tier
  };
  // Members [first, last); a group, or two nodes of which the left one, which stands behind it, takes `left_share` of
  // all affinities.
  struct Node {
    std::uint32_t first = 0, last = 0;
    std::uint32_t left_share = 0;  // of kWhole
    std::uint32_t right = 0;       // 0: a group
  };

  std::uint32_t split(const std::vector<Member>& members, std::uint32_t first, std::uint32_t last, int bit) {
    const auto at = static_cast<std::uint32_t>(nodes_.size());
    nodes_.push_back({.first = first, .last = last});
    if (last - first <= kGroup || bit < 0) return at;
    const auto begin = members.begin();
    const auto middle = static_cast<std::uint32_t>(
        std::partition_point(begin + first, begin + last,
                             [bit](const Member& member) { return (member.hash >> bit & 1) == 0; }) -
        begin);
    if (middle == first || middle == last) {
      nodes_.pop_back();
      return split(members, first, last, bit - 1);
    }
    const auto weight_of = [&](std::uint32_t from, std::uint32_t to) {
      return std::accumulate(begin + from, begin + to, 0.0,
                             [](double sum, const Member& member) { return sum + member.weight; });
    };
    split(members, first, middle, bit - 1);
    const std::uint32_t right = split(members, middle, last, bit - 1);
    nodes_[at].left_share =
        static_cast<std::uint32_t>(weight_of(first, middle) / weight_of(first, last) * kWhole + 0.5);
    nodes_[at].right = right;
    return at;
  }

  const Node& find_group(std::uint64_t affinity) const {
    std::uint32_t at = 0;
    std::uint64_t bits = affinity;
    for (int level = 1; nodes_[at].right != 0; ++level) {
      at = (bits & (kWhole - 1)) >= nodes_[at].left_share ? nodes_[at].right : at + 1;
      bits = level % 3 == 0 ? mix(bits ^ affinity) : bits >> kShareBits;
    }
    return nodes_[at];
  }

  // Where the best of a group of equals stands.
  std::uint32_t first_of(const Node& group, std::uint64_t salt) const {
    std::uint32_t best = group.first;
    std::uint64_t most = 0;
    for (std::uint32_t at = group.first; at < group.last; ++at)
      if (const std::uint64_t mixed = mix(hashes_[at] ^ salt) >> 11; mixed > most) best = at, most = mixed;
    return best;
  }

  std::optional<std::uint32_t> best_of(std::uint32_t first, std::uint32_t last, const TargetSet& left,
                                       std::uint64_t salt) const {
    std::optional<std::uint32_t> best;
    double best_score = -1;
    for (std::uint32_t at = first; at < last; ++at) {
      if (!left.contains(indexes_[at])) continue;
      const double score = score_of(indexes_[at], hashes_[at], salt);
      if (score > best_score) best = indexes_[at], best_score = score;
    }
    return best;
  }

  static double unit_of(std::uint64_t mixed) { return (static_cast<double>(mixed >> 11) + 0.5) * 0x1.0p-53; }
  // -weight / ln(u), u uniform in (0, 1): the highest is each backend's with the probability of its share. Among
  // equals u itself says the same.
  double score_of(std::uint32_t index, std::uint64_t hash, std::uint64_t salt) const {
    const double u = unit_of(mix(hash ^ salt));
    return equal_ ? u : -static_cast<double>(weight_of_index_[index]) / std::log(u);
  }

  // One array for each, because a choice reads few bytes of many.
  std::vector<std::uint64_t> hashes_;   // sorted
  std::vector<std::uint32_t> indexes_;  // in the tier, by hash
  std::vector<std::uint64_t> hash_of_index_;
  std::vector<std::uint32_t> weight_of_index_;
  std::vector<Node> nodes_;  // the first one is the root
  bool equal_ = false;       // all weights are
  std::atomic<std::uint64_t> turn_{0};
};

}  // namespace

std::unique_ptr<Strategy> make_sticky(const catalog::Tier& tier) { return std::make_unique<Sticky>(tier); }

}  // namespace headworks::routing
