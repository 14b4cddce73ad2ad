// headworks._core: table of contents. Plain values cross this border, as Python values or as JSON text;
// sockets, coroutines, snapshots and database handles do not. Everything here is private to python/headworks,
// whose modules give it names, types and manners; its stub is python/headworks/_core.pyi.
#include "python.hpp"

PYBIND11_MODULE(_core, module) {
  using namespace headworks::bindings;
  module.doc() = "The C++ core of Headworks; private, use the package headworks.";
  bind_errors(module);      // Error -> headworks.errors
  bind_about(module);       // versions, check_configuration
  bind_hooks(module);       // Hook, questions and views: what plug-ins' workers pull
  bind_server(module);      // Server: the gateway in this process
  bind_store(module);       // Store: the nine operations over headworks.db
  bind_upstream(module);    // Upstream: the programmable upstream
  bind_bench(module);       // Bench, run_bench: the load generator
  bind_simulation(module);  // simulate: the routing machines under a virtual clock
  bind_routing(module);     // Bucket, cooldown_after_429: two of those machines, for tests
  bind_arrow(module);       // arrow_stream: tables for others
}
