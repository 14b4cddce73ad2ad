// The load generator.
#include "python.hpp"

#include "argv.hpp"
#include "bench/bench.hpp"

namespace headworks::bindings {

void bind_bench(py::module_& module) {
  module.def("run_bench", [](std::vector<std::string> arguments) {
    return run_with_argv("headworks bench", std::move(arguments), bench::run_bench);
  }, py::arg("arguments"), "The command `headworks bench`; its exit code.");
}

}  // namespace headworks::bindings
