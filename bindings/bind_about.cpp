// What can be asked without a server: versions, the verdict on a configuration.
#include "python.hpp"

#include "catalog/configuration.hpp"
#include "catalog/key_references.hpp"

namespace headworks::bindings {

void bind_about(py::module_& module) {
  module.def("versions", &app::versions, "Versions of this build and of every linked library, as JSON text.");
  module.def("check_configuration", &app::check_configuration, py::arg("config_json"),
             py::call_guard<WithoutGil>(), "Every problem of a configuration document, as JSON text.");
  module.def("configuration_schema", &catalog::configuration_schema,
             "JSON Schema of the configuration document, as JSON text.");
  module.def(
      "resolve_key",
      [](const std::string& text, const std::string& folder) {
        if (catalog::variable_of(text).empty() && !text.starts_with("file:")) return text;
        return std::string(value_of(catalog::KeyReferences(folder).find(text)).reveal());
      },
      py::arg("text"), py::arg("folder"), "What `${NAME}` or `file:PATH` refers to; any other text is the key itself.");
}

}  // namespace headworks::bindings
