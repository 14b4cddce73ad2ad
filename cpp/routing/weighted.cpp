#include "routing/weighted.hpp"

#include <algorithm>
#include <atomic>
#include <numeric>
#include <tuple>
#include <vector>

namespace headworks::routing {
namespace {

// A round is at most this long; larger weights are scaled down, none below one turn.
constexpr std::uint64_t kLongestRound = 16'384;

// How often a proposal may fall on a target that the plan has seen already before the next unseen one is
// taken.
constexpr int kDraws = 8;

std::vector<std::uint32_t> reduced_weights(const catalog::Tier& tier) {
  std::vector<std::uint64_t> weights;
  for (const catalog::Target& target : tier.targets)
    weights.push_back(std::max<std::uint32_t>(target.backend->row.weight, 1));
  std::uint64_t divisor = 0, sum = 0;
  for (const std::uint64_t weight : weights) divisor = std::gcd(divisor, weight), sum += weight;
  sum /= std::max<std::uint64_t>(divisor, 1);
  std::vector<std::uint32_t> reduced;
  for (const std::uint64_t weight : weights) {
    std::uint64_t turns = weight / divisor;
    if (sum > kLongestRound) turns = std::max<std::uint64_t>(turns * kLongestRound / sum, 1);
    reduced.push_back(static_cast<std::uint32_t>(turns));
  }
  return reduced;
}

// The turns of one round: turn k of a target with w turns stands at (k + phase) / w of the round, so that
// every target's turns are evenly spread, and the phases keep the targets apart.
std::vector<std::uint32_t> lay_out(const std::vector<std::uint32_t>& weights) {
  struct Turn {
    double at;
    std::uint32_t target;
  };
  std::vector<Turn> turns;
  for (std::uint32_t target = 0; target < weights.size(); ++target) {
    const double phase = (target + 0.5) / static_cast<double>(weights.size());
    for (std::uint32_t turn = 0; turn < weights[target]; ++turn)
      turns.push_back({(turn + phase) / weights[target], target});
  }
  std::sort(turns.begin(), turns.end(),
            [](const Turn& a, const Turn& b) { return std::tie(a.at, a.target) < std::tie(b.at, b.target); });
  std::vector<std::uint32_t> round;
  round.reserve(turns.size());
  for (const Turn& turn : turns) round.push_back(turn.target);
  return round;
}

class Weighted final : public Strategy {
 public:
  explicit Weighted(const catalog::Tier& tier) {
    weights_ = reduced_weights(tier);
    targets_ = static_cast<std::uint32_t>(weights_.size());
    const bool equal =
        std::all_of(weights_.begin(), weights_.end(), [](std::uint32_t weight) { return weight == 1; });
    if (!equal) round_ = lay_out(weights_);
  }

  // A target that is out loses its turn and the next one's turn is used up for it, so that its share is
  // spread over all others and does not fall to its neighbour alone.
  std::uint32_t propose(const TargetSet& left, const Asked&) override {
    std::uint32_t target = 0;
    for (int draw = 0; draw < kDraws; ++draw) {
      const std::uint64_t turn = turn_.fetch_add(1, std::memory_order_relaxed);
      target = round_.empty() ? static_cast<std::uint32_t>(turn % targets_)
                              : round_[static_cast<std::size_t>(turn % round_.size())];
      if (left.contains(target)) return target;
    }
    return left.first_from(target);
  }
  double score(std::uint32_t index, const Asked&) const override { return weights_[index]; }

 private:
  std::vector<std::uint32_t> weights_;  // by target
  std::uint32_t targets_ = 0;
  std::vector<std::uint32_t> round_;  // empty: every target once, in order
  std::atomic<std::uint64_t> turn_{0};
};

}  // namespace

std::unique_ptr<Strategy> make_weighted(const catalog::Tier& tier) {
  return std::make_unique<Weighted>(tier);
}

}  // namespace headworks::routing
