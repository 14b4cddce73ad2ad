// Upstream: the programmable upstream, in this process (headworks.testing) and as a command.
#include "python.hpp"

#include "argv.hpp"
#include "upstream/upstream.hpp"

namespace headworks::bindings {

using upstream::Upstream;

void bind_upstream(py::module_& module) {
  py::class_<Upstream>(module, "Upstream")
      .def(py::init([](std::uint16_t port, const std::string& script_json) {
             return without_gil([&] { return Upstream::start(port, script_json); });
           }),
           py::arg("port") = 0, py::arg("script_json") = "{}")
      .def_property_readonly("port", &Upstream::port)
      .def_property_readonly("url", &Upstream::url)
      .def("set_script",
           [](Upstream& self, const std::string& json) { without_gil([&] { return self.set_script(json); }); },
           py::arg("script_json"))
      .def("journal", &Upstream::journal, py::call_guard<WithoutGil>())
      .def("stats", &Upstream::stats, py::call_guard<WithoutGil>())
      .def("clear_journal", &Upstream::clear_journal, py::call_guard<WithoutGil>())
      .def("stop", &Upstream::stop, py::call_guard<WithoutGil>());
  module.def("run_upstream", [](std::vector<std::string> arguments) {
    return run_with_argv("headworks upstream", std::move(arguments), upstream::run_upstream);
  }, py::arg("arguments"), "The command `headworks upstream`; its exit code.");
}

}  // namespace headworks::bindings
