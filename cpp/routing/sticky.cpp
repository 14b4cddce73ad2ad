#include "routing/sticky.hpp"

#include <atomic>
#include <cmath>
#include <limits>
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

class Sticky final : public Strategy {
 public:
  explicit Sticky(const catalog::Tier& tier) {
    for (const catalog::Target& target : tier.targets)
      backends_.push_back({hash_of(target.backend->row.id),
                           static_cast<double>(std::max<std::uint32_t>(target.backend->row.weight, 1))});
  }

  std::uint32_t propose(const TargetSet& left, const Asked& asked) override {
    if (asked.affinity == 0)
      return left.first_from(
          static_cast<std::uint32_t>(turn_.fetch_add(1, std::memory_order_relaxed) % backends_.size()));
    std::uint32_t best = 0;
    double best_score = -1;
    for (std::uint32_t index = 0; index < backends_.size(); ++index) {
      if (!left.contains(index)) continue;
      const double score = score_of(backends_[index], asked.affinity);
      if (score > best_score) best = index, best_score = score;
    }
    return best;
  }

 private:
  struct Backend {
    std::uint64_t hash;
    double weight;
  };
  // -weight / ln(u), u uniform in (0, 1): the highest is each backend's with the probability of its share.
  static double score_of(const Backend& backend, std::uint64_t affinity) {
    const std::uint64_t mixed = mix(backend.hash ^ mix(affinity));
    const double u = (static_cast<double>(mixed >> 11) + 0.5) * 0x1.0p-53;
    return -backend.weight / std::log(u);
  }

  std::vector<Backend> backends_;
  std::atomic<std::uint64_t> turn_{0};
};

}  // namespace

std::unique_ptr<Strategy> make_sticky(const catalog::Tier& tier) { return std::make_unique<Sticky>(tier); }

}  // namespace headworks::routing
