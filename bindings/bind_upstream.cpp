// Upstream: the programmable upstream, in this process (headworks.testing) and as a command.
#include "python.hpp"

#include "argv.hpp"
#include "upstream/upstream.hpp"

namespace headworks::bindings {

namespace {

using Upstream = OfThisProcess<upstream::Upstream>;

Upstream start(std::uint16_t port, const std::string& script_json) {
  return Upstream(without_gil([&] { return upstream::Upstream::start(port, script_json); }));
}

// A call that may wait, while other Python threads go on.
template <class Method>
auto released(Method method) {
  return [method](Upstream& self) {
    upstream::Upstream& running = *self;
    const WithoutGil without;
    return (running.*method)();
  };
}

}  // namespace

void bind_upstream(py::module_& module) {
  py::class_<Upstream>(module, "Upstream")
      .def(py::init(&start), py::arg("port") = 0, py::arg("script_json") = "{}")
      .def_property_readonly("port", [](Upstream& self) { return self->port(); })
      .def_property_readonly("url", [](Upstream& self) { return self->url(); })
      .def(
          "set_script",
          [](Upstream& self, const std::string& json) {
            without_gil([&running = *self, &json] { return running.set_script(json); });
          },
          py::arg("script_json"))
      .def("journal", released(&upstream::Upstream::journal))
      .def("stats", released(&upstream::Upstream::stats))
      .def("clear_journal", released(&upstream::Upstream::clear_journal))
      .def("stop", released(&upstream::Upstream::stop));
  module.def(
      "run_upstream",
      [](std::vector<std::string> arguments) {
        return run_with_argv("headworks upstream", std::move(arguments), upstream::run_upstream);
      },
      py::arg("arguments"), "The command `headworks upstream`; its exit code.");
}

}  // namespace headworks::bindings
