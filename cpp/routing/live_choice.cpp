#include "routing/live_choice.hpp"

#include <algorithm>

namespace headworks::routing {
namespace {

// The best of the targets left: all of them up to `exact`, else `draws` of them, drawn at random. Equals are
// decided by the starting point, which is random too.
template <class Score>
std::uint32_t best_of(const TargetSet& left, base::Random& random, std::uint32_t exact, std::uint32_t draws,
                      const Score& score) {
  const std::uint32_t size = left.size();
  std::uint32_t best = left.first_from(static_cast<std::uint32_t>(random.below(size)));
  double best_score = score(best);
  const bool all = left.count() <= exact;
  const std::uint32_t looks = all ? left.count() : draws;
  std::uint32_t at = best;
  for (std::uint32_t look = 1; look < looks; ++look) {
    at = left.first_from(all ? (at + 1) % size : static_cast<std::uint32_t>(random.below(size)));
    const double seen = score(at);
    if (seen < best_score) best = at, best_score = seen;
  }
  return best;
}

double weight_of(const catalog::Target& target) { return std::max<std::uint32_t>(target.backend->row.weight, 1); }

class LeastInFlight final : public Strategy {
 public:
  explicit LeastInFlight(const catalog::Tier& tier) : tier_(tier) {}
  std::uint32_t propose(const TargetSet& left, const Asked& asked) override {
    return best_of(left, asked.random, 8, 4, [&](std::uint32_t index) { return score(index, asked); });
  }
  double score(std::uint32_t index, const Asked&) const override {
    const catalog::Target& target = tier_.targets[index];
    return target.backend->gauge->in_flight() / weight_of(target);
  }

 private:
  const catalog::Tier& tier_;
};

class Fastest final : public Strategy {
 public:
  explicit Fastest(const catalog::Tier& tier) : tier_(tier) {}
  std::uint32_t propose(const TargetSet& left, const Asked& asked) override {
    return best_of(left, asked.random, 2, 2, [&](std::uint32_t index) { return score(index, asked); });
  }
  double score(std::uint32_t index, const Asked& asked) const override {
    const catalog::Target& target = tier_.targets[index];
    const gauges::BackendGauge& gauge = *target.backend->gauge;
    const std::chrono::duration<double, std::milli> expected = gauge.expected_first_byte(asked.now);
    return std::max(expected.count(), kUnknown) * (gauge.in_flight() + 1) / weight_of(target);
  }

 private:
  static constexpr double kUnknown = 1;  // ms: faster than any model, slower with each call under way
  const catalog::Tier& tier_;
};

}  // namespace

std::unique_ptr<Strategy> make_least_in_flight(const catalog::Tier& tier) {
  return std::make_unique<LeastInFlight>(tier);
}
std::unique_ptr<Strategy> make_fastest(const catalog::Tier& tier) { return std::make_unique<Fastest>(tier); }

}  // namespace headworks::routing
