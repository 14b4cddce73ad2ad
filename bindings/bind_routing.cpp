// Two machines of the core as they are, for tests and explanations: the bucket of a backend, and how long a
// 429 cools. Time is a number of seconds that the caller gives.
#include "python.hpp"

#include "gauges/token_bucket.hpp"
#include "routing/cooldown_rule.hpp"

namespace headworks::bindings {
namespace {

base::TimePoint point_of(double seconds) {
  return base::TimePoint{std::chrono::duration_cast<base::Duration>(std::chrono::duration<double>(seconds))};
}
double seconds_of(base::Duration duration) { return std::chrono::duration<double>(duration).count(); }

double cooldown_after_429(std::uint32_t consecutive, std::optional<double> hint_seconds, double base_seconds,
                          double cap_seconds, double hint_cap_seconds, std::uint32_t jitter_percent,
                          std::uint64_t seed) {
  catalog::Settings::Cooldown settings;
  settings.base_seconds = base_seconds;
  settings.cap_seconds = cap_seconds;
  settings.hint_cap_seconds = hint_cap_seconds;
  settings.jitter_percent = jitter_percent;
  std::optional<routing::RetryHint> hint;
  if (hint_seconds) hint = routing::RetryHint{.after = point_of(*hint_seconds).time_since_epoch()};
  base::Random random(seed);
  return seconds_of(routing::cooldown_after_429(settings, consecutive, hint, random));
}

}  // namespace

void bind_routing(py::module_& module) {
  using gauges::TokenBucket;
  using namespace py::literals;
  py::class_<TokenBucket>(module, "Bucket")
      .def(py::init([](std::uint32_t limit, double window_seconds) {
             return std::make_unique<TokenBucket>(limit, point_of(window_seconds).time_since_epoch());
           }),
           "limit"_a, "window_seconds"_a)
      .def(
          "take", [](TokenBucket& self, double at) { return self.take(point_of(at)).has_value(); }, "at"_a)
      .def(
          "earliest",
          [](const TokenBucket& self, double at) {
            return seconds_of(self.earliest(point_of(at)).time_since_epoch());
          },
          "at"_a)
      .def("level", [](const TokenBucket& self, double at) { return self.level(point_of(at)); }, "at"_a);
  module.def("cooldown_after_429", &cooldown_after_429, "consecutive"_a, "hint_seconds"_a, "base_seconds"_a,
             "cap_seconds"_a, "hint_cap_seconds"_a, "jitter_percent"_a, "seed"_a);
}

}  // namespace headworks::bindings
