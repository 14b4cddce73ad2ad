// RouteState: a route of the catalog together with what its strategies remember between requests. Made once
// per snapshot, dialect and model by the owner of the route table; shared by every plan that follows this
// route.
//
// Immutable but for the strategies' atomics: callable from every thread. Its pointers live as long as the
// snapshot that the route was made from.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "catalog/snapshot.hpp"
#include "routing/strategy.hpp"

namespace headworks::routing {

class RouteState {
 public:
  struct Tier {
    const catalog::Tier* row = nullptr;
    std::unique_ptr<Strategy> strategy;
    std::uint32_t first = 0;            // the candidate number of its first target
    std::optional<std::uint32_t> only;  // its only usable target, if there is just one
  };

  enum class Order : std::uint8_t {
    by_strategy,  // of each pool
    as_given,     // of the targets: somebody has chosen; none is asked twice for being its pool's only one
  };
  // REQUIRES that every pool's strategy is in the table (the catalog refuses others).
  explicit RouteState(catalog::Route route, Order order = Order::by_strategy);
  RouteState(const RouteState&) = delete;
  RouteState& operator=(const RouteState&) = delete;

  std::span<const Tier> tiers() const { return tiers_; }

  std::size_t number_of(const Tier& tier) const { return static_cast<std::size_t>(&tier - tiers_.data()); }

  // Candidates are numbered through all tiers, best tier first.
  std::uint32_t candidate_count() const { return candidates_; }
  const Tier& tier_of(std::uint32_t candidate) const;
  const catalog::Target& target(std::uint32_t candidate) const;

  // Whether any target says how long a request may be; the first pool that keeps things together (null: none).
  bool knows_contexts() const { return knows_contexts_; }
  const catalog::Pool* sticky_pool() const { return sticky_pool_; }

 private:
  const catalog::Route route_;
  std::vector<Tier> tiers_;
  std::uint32_t candidates_ = 0;
  bool knows_contexts_ = false;
  const catalog::Pool* sticky_pool_ = nullptr;
};

}  // namespace headworks::routing
