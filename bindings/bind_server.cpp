// Server: app::GatewayApp for a Python process. Its threads are its own; no call of it holds the GIL while it
// waits. headworks.Server and `headworks serve` stand on it.
#include "python.hpp"

namespace headworks::bindings {
namespace {

class Server {
 public:
  Server(std::string data_dir, std::optional<std::string> listen, std::optional<std::string> admin_listen,
         std::uint32_t workers, std::optional<std::string> config_json, std::string config_origin,
         std::string log_level, std::string log_format, bool announce, std::vector<hooks::HookRow> hooks,
         std::vector<std::string> command) {
    app::Options options{.data_dir = std::move(data_dir),
                         .listen = std::move(listen),
                         .admin_listen = std::move(admin_listen),
                         .workers = workers,
                         .config_json = std::move(config_json),
                         .config_origin = std::move(config_origin),
                         .log_level = std::move(log_level),
                         .log_format = std::move(log_format),
                         .handle_signals = false,
                         .hooks = std::move(hooks),
                         .runs_plugins = true,
                         .announce = announce,
                         .command = std::move(command)};
    auto started = [&options] {
      const WithoutGil released;
      return app::GatewayApp::start(std::move(options));
    }();
    if (!started) throw RaisedStart(std::move(started).error());
    app_.emplace(*std::move(started));
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  app::GatewayApp& app() { return **app_; }
  void open() {
    auto opened = [&app = app()] {
      const WithoutGil released;
      return app.open();
    }();
    if (!opened) throw RaisedStart(std::move(opened).error());
  }
  std::vector<std::shared_ptr<hooks::Hook>> hooks() {
    const auto set = app().hooks().current();
    if (set == nullptr) return {};
    return {set->all().begin(), set->all().end()};
  }
  std::vector<std::shared_ptr<hooks::Hook>> publish_hooks(std::vector<hooks::HookRow> rows) {
    const WithoutGil released;
    return app().hooks().publish(std::move(rows));
  }
  std::uint64_t apply(const std::string& config_json, const std::string& origin) {
    return without_gil([&app = app(), &config_json, &origin] { return app.apply(config_json, origin); });
  }

 private:
  std::optional<OfThisProcess<app::GatewayApp>> app_;
};

}  // namespace

void bind_server(py::module_& module) {
  py::class_<Server>(module, "Server")
      .def(py::init<std::string, std::optional<std::string>, std::optional<std::string>, std::uint32_t,
                    std::optional<std::string>, std::string, std::string, std::string, bool, std::vector<hooks::HookRow>,
                    std::vector<std::string>>(),
           py::kw_only(), py::arg("data_dir") = "", py::arg("listen") = py::none(),
           py::arg("admin_listen") = py::none(), py::arg("workers") = 0, py::arg("config_json") = py::none(),
           py::arg("config_origin") = "", py::arg("log_level") = "info", py::arg("log_format") = "text",
           py::arg("announce") = false, py::arg("hooks") = std::vector<hooks::HookRow>{},
           py::arg("command") = std::vector<std::string>{})
      .def("open", &Server::open, "Serves from now on; takes over first, if another process hands over.")
      .def_property_readonly("data_url", [](Server& self) { return self.app().data_url(); })
      .def_property_readonly("admin_url", [](Server& self) { return self.app().admin_url(); })
      .def_property_readonly("first_client_key", [](Server& self) { return self.app().first_client_key(); })
      .def_property_readonly("data_dir", [](Server& self) { return self.app().data_dir(); })
      .def("wait",
           [](Server& self) {
             app::GatewayApp& app = self.app();
             const WithoutGil released;
             return app.wait();
           },
           "Blocks until the server has ended; its exit code.")
      .def("stop",
           [](Server& self) {
             app::GatewayApp& app = self.app();
             const WithoutGil released;
             app.stop();
           },
           "Begins a graceful stop; a second call ends at once.")
      .def("hand_over",
           [](Server& self) {
             app::GatewayApp& app = self.app();
             const WithoutGil released;
             app.hand_over();
           },
           "Begins to hand over to a new process of the same command.")
      .def("hooks", &Server::hooks, "Those in force, in the order of their rows.")
      .def("publish_hooks", &Server::publish_hooks, py::arg("rows"), "Replaces all hooks; the new ones.")
      .def("open_reloader", [](Server& self) { return self.app().hooks().open_reloader(); },
           "The hook whose questions ask for the plug-ins to be loaded again.")
      .def("apply", &Server::apply, py::arg("config_json"), py::arg("origin"),
           "Applies a configuration document as one change; the revision after it.");
}

}  // namespace headworks::bindings
