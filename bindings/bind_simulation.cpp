// The simulator: a configuration document and a workload in, the timeline out, as columns of plain values.
#include "python.hpp"

#include "catalog/configuration.hpp"
#include "simulation/simulator.hpp"

namespace headworks::bindings {
namespace {

using simulation::Happening;
using simulation::Scenario;
using simulation::UpstreamModel;

template <class T>
T read(const py::dict& from, const char* name) {
  return from[name].cast<T>();
}
base::Duration seconds_in(const py::dict& from, const char* name) {
  return std::chrono::duration_cast<base::Duration>(std::chrono::duration<double>(read<double>(from, name)));
}

base::Error wrong(const std::string& message) {
  return base::fail(base::ErrorKind::invalid_configuration, message);
}

upstream::Window window_of(const std::string& name) {
  if (name == "fixed") return upstream::Window::fixed;
  if (name == "bucket") return upstream::Window::bucket;
  if (name != "sliding") throw Raised(wrong("window: must be fixed, sliding or bucket"));
  return upstream::Window::sliding;
}

routing::FailureClass failure_of(const std::string& name) {
  for (std::uint8_t at = 0; at < static_cast<std::uint8_t>(routing::FailureClass::count_); ++at)
    if (const auto failure = static_cast<routing::FailureClass>(at); routing::name_of(failure) == name)
      return failure;
  throw Raised(wrong("failure: there is no failure '" + name + "'"));
}

UpstreamModel upstream_of(const py::dict& from) {
  UpstreamModel model;
  model.limit = {.rpm = read<std::uint32_t>(from, "rpm"),
                 .window = window_of(read<std::string>(from, "window"))};
  model.says_when = read<bool>(from, "says_when");
  model.latency = seconds_in(from, "latency_seconds");
  model.transit = seconds_in(from, "transit_seconds");
  model.failing = read<double>(from, "failing");
  for (const py::handle each : read<py::list>(from, "outages")) {
    const auto outage = each.cast<py::dict>();
    model.outages.push_back({.from = seconds_in(outage, "from_seconds"),
                             .until = seconds_in(outage, "until_seconds"),
                             .failure = failure_of(read<std::string>(outage, "failure"))});
  }
  return model;
}

Scenario scenario_of(const std::string& config_json, const py::dict& workload, const py::dict& upstreams) {
  catalog::ParsedConfiguration parsed = catalog::parse_configuration(
      config_json, {.references = catalog::KeySource::References::checked, .resolve = {}});
  if (!parsed.ok()) throw Raised(catalog::error_of(parsed.problems));
  Scenario scenario;
  scenario.settings = parsed.configuration.settings;
  scenario.pools = std::move(parsed.configuration.pools);
  for (catalog::Backend& row : parsed.configuration.backends) {
    UpstreamModel model = upstream_of(upstreams[py::str(row.name)].cast<py::dict>());
    scenario.backends.push_back({.row = std::move(row), .upstream = std::move(model)});
  }
  scenario.workload = {.model = read<std::string>(workload, "model"),
                       .per_minute = read<double>(workload, "per_minute"),
                       .length = seconds_in(workload, "seconds"),
                       .evenly = read<bool>(workload, "evenly"),
                       .keys = read<std::uint32_t>(workload, "keys"),
                       .obeying = read<double>(workload, "obeying"),
                       .deadline = seconds_in(workload, "deadline_seconds")};
  scenario.seed = read<std::uint64_t>(workload, "seed");
  return scenario;
}

struct Timeline {
  std::vector<Happening> happenings;
  simulation::Totals totals;
};

template <class Value>
py::list column(const std::vector<Happening>& from, Value value) {
  py::list made(from.size());
  for (std::size_t at = 0; at < from.size(); ++at) made[at] = value(from[at]);
  return made;
}

py::dict columns_of(const Timeline& timeline) {
  using What = Happening::What;
  const auto seconds = [](base::Duration lasted) { return std::chrono::duration<double>(lasted).count(); };
  const auto& all = timeline.happenings;
  py::dict made;
  made["at_seconds"] = column(all, [&](const Happening& each) { return py::float_(seconds(each.at)); });
  made["what"] = column(all, [](const Happening& each) { return py::str(std::string(name_of(each.what))); });
  made["request"] = column(all, [](const Happening& each) { return py::int_(each.request); });
  made["key"] = column(all, [](const Happening& each) { return py::int_(each.key); });
  made["backend"] = column(all, [](const Happening& each) { return py::int_(each.backend); });
  made["cause"] = column(all, [](const Happening& each) -> py::object {
    if (each.what == What::failed || each.what == What::cooled)
      return py::str(std::string(routing::name_of(each.failure)));
    if (each.what == What::refused || each.what == What::gave_up)
      return py::str(std::string(base::code_of(each.error)));
    return py::none();
  });
  made["for_seconds"] = column(all, [&](const Happening& each) -> py::object {
    if (each.what == What::cooled || each.what == What::refused) return py::float_(seconds(each.retry_after));
    return py::none();
  });
  return made;
}

py::tuple simulate(const std::string& config_json, const py::dict& workload, const py::dict& upstreams) {
  Scenario scenario = scenario_of(config_json, workload, upstreams);
  const Timeline timeline = without_gil([&]() -> base::Result<Timeline> {
    Timeline made;
    auto simulator = simulation::Simulator::make(std::move(scenario));
    if (!simulator) return simulator.error();
    (*simulator)->on_happening([&](const Happening& happening) { made.happenings.push_back(happening); });
    made.totals = (*simulator)->run();
    return made;
  });
  const simulation::Totals& totals = timeline.totals;
  py::dict summed;
  summed["requests"] = totals.requests;
  summed["came_back"] = totals.came_back;
  summed["succeeded"] = totals.succeeded;
  summed["refused"] = totals.refused;
  summed["failed"] = totals.failed;
  summed["attempts"] = totals.attempts;
  summed["upstream_429"] = totals.upstream_429;
  summed["seconds"] = std::chrono::duration<double>(totals.length).count();
  return py::make_tuple(columns_of(timeline), summed);
}

}  // namespace

void bind_simulation(py::module_& module) {
  module.def("simulate", &simulate, py::arg("config_json"), py::arg("workload"), py::arg("upstreams"),
             "The timeline's columns, and its totals.");
}

}  // namespace headworks::bindings
