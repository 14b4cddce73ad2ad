// Explanation: the plan that would be made at one moment, without making it: every candidate with its score, or
// why it is out and when it is back. A look at live gauges: nothing is taken, and the next moment may differ.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "routing/selection.hpp"

namespace headworks::routing {

struct Prospect {
  const catalog::Target* target = nullptr;
  double score = 0;                         // see TierView::measure
  std::optional<Out> out;                   // none: free
  std::optional<base::TimePoint> ready_at;  // none: time alone does not bring it back
};

struct TierView {
  const catalog::Pool* pool = nullptr;
  std::string_view measure;  // what the scores say, and which end comes first
  std::vector<Prospect> prospects;
};

struct Explanation {
  enum class Next : std::uint8_t { attempt, wait, stop };
  std::vector<TierView> tiers;
  Next next = Next::stop;
  const catalog::Pool* pool = nullptr;           // attempt: from this one
  std::optional<base::TimePoint> earliest;       // wait: until then, if the queue's bounds allow
};
std::string_view name_of(Explanation::Next next);

// Allocates. Callable from every thread.
Explanation explain(const RouteState& route, const Asking& asking, base::Random& random);

}  // namespace headworks::routing
