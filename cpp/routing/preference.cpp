#include "routing/preference.hpp"

#include <algorithm>
#include <atomic>
#include <bit>
#include <limits>
#include <vector>

namespace headworks::routing {
namespace {

double price_of(const catalog::Target& target) {
  if (target.price == nullptr) return std::numeric_limits<double>::infinity();
  return (3 * target.price->input + target.price->output) / 4;
}

class Ordered final : public Strategy {
 public:
  std::uint32_t propose(const TargetSet& left, const Asked&) override { return left.first_from(0); }
  double score(std::uint32_t index, const Asked&) const override { return index + 1; }
};

// The targets of one price are one group, kept as a bit mask over the tier, so that a proposal looks at whole
// words however many targets are out.
class Cheapest final : public Strategy {
 public:
  explicit Cheapest(const catalog::Tier& tier) : tier_(tier), words_((tier.targets.size() + 63) / 64) {
    std::vector<double> prices;
    for (const catalog::Target& target : tier.targets) prices.push_back(price_of(target));
    std::vector<double> steps = prices;
    std::sort(steps.begin(), steps.end());
    steps.erase(std::unique(steps.begin(), steps.end()), steps.end());
    for (const double step : steps) {
      std::vector<std::uint64_t>& mask = groups_.emplace_back(words_);
      for (std::size_t index = 0; index < prices.size(); ++index)
        if (prices[index] == step) mask[index / 64] |= std::uint64_t{1} << (index % 64);
    }
  }

  std::uint32_t propose(const TargetSet& left, const Asked&) override {
    const auto first = static_cast<std::size_t>(turn_.fetch_add(1, std::memory_order_relaxed) % (words_ * 64));
    for (const std::vector<std::uint64_t>& mask : groups_)
      if (const auto found = left.find_in(mask, first)) return *found;
    return left.first_from(0);
  }
  double score(std::uint32_t index, const Asked&) const override { return price_of(tier_.targets[index]); }

 private:
  const catalog::Tier& tier_;
  const std::size_t words_;
  std::vector<std::vector<std::uint64_t>> groups_;  // the cheapest first
  std::atomic<std::uint64_t> turn_{0};
};

}  // namespace

std::unique_ptr<Strategy> make_ordered(const catalog::Tier&) { return std::make_unique<Ordered>(); }
std::unique_ptr<Strategy> make_cheapest(const catalog::Tier& tier) { return std::make_unique<Cheapest>(tier); }

}  // namespace headworks::routing
